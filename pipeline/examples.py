"""Examples for classifiers, drawn from shards of documents and from files.

Reads documents and example files; returns labelled texts, cut to what a classifier reads. Always
true: what is drawn depends on the seed and on the candidates (a document's id, a file's text),
never on the order of shards or files, and no more is held in memory than may be returned. Of
documents, ids are read first, and texts only of those that are drawn.
"""

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.classifier.examples import LabelledText
from pipeline.classifier.model import MAX_CHARACTERS
from pipeline.errors import InputError
from pipeline.records import clean_text, expand_paths, field_of, read_records
from pipeline.shard import Shard, read_shard, texts_of
from schemas.domain import DOMAINS
from schemas.quality import Examples, Quality
from schemas.taxonomy import AxisName

EXAMPLES_KEY = "quality examples"
Named = tuple[str, str | None]


class Candidate(NamedTuple):
    """What may become an example; the text of a document is read once it is drawn.

    `row`: a document's place among all, -1 of what is no document.
    """

    source: str
    domain: str
    text: str
    row: int = -1


def collect_quality_examples(
    shards: Sequence[Shard], quality: Quality, seed: int, base: Path
) -> list[LabelledText]:
    """Return the positives, labelled as `quality.label` says, and the negatives.

    Raises InputError for an example file that cannot be read.
    """
    positive = quality.positive
    negative = "negative" if positive != "negative" else "other"
    sides = ((positive, quality.positives), (negative, quality.negatives))
    return [
        example
        for label, selection in sides
        if selection is not None
        for example in collect_examples(shards, selection, label, quality.max_examples, seed, base)
    ]


def collect_examples(
    shards: Sequence[Shard], selection: Examples, label: str, limit: int, seed: int, base: Path
) -> list[LabelledText]:
    """Return up to `limit` texts that `selection` names, under one label.

    A document's domain is that of its domain attribute where the shard has one, else its source's.
    """
    sample = HashSample(limit, seed)
    if selection.sources or selection.domains:
        for shard, first_row in zip(shards, _first_rows(shards), strict=True):
            if not selection.sources or shard.unit.source in selection.sources:
                _offer_documents(sample, shard, first_row, selection.domains)
    for pattern in selection.paths:
        _offer_files(sample, pattern, base)
    drawn = with_texts(sample.items(), shards)
    return [LabelledText(label, found.text, found.source, found.domain) for found in drawn]


def example_files(selections: Iterable[Examples | None], base: Path) -> list[Path]:
    """Return the files that selections name."""
    patterns = [path for chosen in selections if chosen is not None for path in chosen.paths]
    names = [pattern.partition("#")[0] for pattern in patterns]
    return [path for name in names for path in expand_paths((name,), base, EXAMPLES_KEY)]


def collect_axis_examples(
    shards: Sequence[Shard], axis: AxisName, max_examples: int, seed: int
) -> list[LabelledText]:
    """Return up to `max_examples` texts of each class that sources state, even over sources."""
    samples: dict[str, dict[str, HashSample]] = defaultdict(dict)
    for shard, first_row in zip(shards, _first_rows(shards), strict=True):
        source = shard.unit.source
        for row, (name, label) in enumerate(_ids_with(shard, axis), first_row):
            if label is not None:
                sample = samples[label].setdefault(source, HashSample(max_examples, seed))
                sample.offer(name, Candidate(source, "", "", row))
    drawn = [
        (label, found)
        for label, by_source in sorted(samples.items())
        for found in _draw_evenly(by_source, max_examples)
    ]
    texts = with_texts([found for _, found in drawn], shards)
    return [
        LabelledText(label, found.text, found.source)
        for (label, _), found in zip(drawn, texts, strict=True)
    ]


def with_texts(drawn: Sequence[Candidate], shards: Sequence[Shard]) -> list[Candidate]:
    """Return what was drawn with the texts of documents, as much of each as is looked at."""
    rows = np.unique([found.row for found in drawn if found.row >= 0]).astype(np.int64)
    batches = texts_of(shards).batches(rows)
    texts = [text[:MAX_CHARACTERS] for batch in batches for text in batch.to_pylist()]
    by_row = dict(zip(rows.tolist(), texts, strict=True))
    return [found._replace(text=by_row.get(found.row, found.text)) for found in drawn]


def _first_rows(shards: Sequence[Shard]) -> list[int]:
    return list(accumulate((shard.num_documents for shard in shards), initial=0))[:-1]


def _ids_with(shard: Shard, column: str, attributes: tuple[str, ...] = ()) -> Iterator[Named]:
    """Yield the id of each document and its value in a column."""
    for batch in read_shard(shard, [column], attributes):
        yield from zip(*(batch.column(n).to_pylist() for n in ("id", column)), strict=True)


class HashSample:
    """The candidates whose keys have the smallest hashes: a sample that no order can change."""

    def __init__(self, limit: int, seed: int) -> None:
        self._limit = limit
        self._seed = str(seed).encode()
        self._heap: list[tuple[int, str, Candidate]] = []  # minus the hash: largest hash on top

    def offer(self, key: str, candidate: Candidate) -> None:
        """Take a candidate where its key's hash is small enough, and let go of the last if need be.

        Equal keys go by what they stand for.
        """
        digest = hashlib.blake2b(key.encode(), digest_size=8, key=self._seed).digest()
        rank = int.from_bytes(digest, "big")
        if len(self._heap) < self._limit:
            heapq.heappush(self._heap, (-rank, key, candidate))
        elif rank <= -self._heap[0][0]:
            heapq.heappushpop(self._heap, (-rank, key, candidate))

    def items(self) -> list[Candidate]:
        """Return the sample, in order of the hashes."""
        ordered = sorted(self._heap, key=lambda entry: (-entry[0], *entry[1:]))
        return [candidate for _, _, candidate in ordered]


def _offer_documents(
    sample: HashSample, shard: Shard, first_row: int, domains: Sequence[str]
) -> None:
    attributes = ("domain",) if "domain" in shard.attributes else ()
    for row, (name, domain) in enumerate(_ids_with(shard, "domain", attributes), first_row):
        if not domains or domain in domains:
            sample.offer(name, Candidate(shard.unit.source, domain or "", "", row))


def _offer_files(sample: HashSample, pattern: str, base: Path) -> None:
    """Offer the texts of the files that `path` or `path#field` names."""
    name, _, field = pattern.partition("#")
    field = field or "text"
    for path in expand_paths((name,), base, EXAMPLES_KEY):
        num_texts = 0
        for text, domain in _file_texts(path, field):
            num_texts += 1
            sample.offer(text, Candidate(path.name, domain, text))
        if num_texts == 0:
            raise InputError(
                f"{path}: no record has a text in field {field!r}; name the field that has, as in "
                f"{path.name}#content"
            )


def _file_texts(path: Path, field: str) -> Iterator[tuple[str, str]]:
    """Yield each text of a file, and its domain where the record states one of ours."""
    for record in read_records(path, skip_malformed=True):
        value = field_of(record, field)
        if isinstance(value, str) and value.strip():
            domain = str(field_of(record, "domain"))
            yield clean_text(value[:MAX_CHARACTERS]), domain if domain in DOMAINS else ""


def _draw_evenly(by_source: dict[str, HashSample], limit: int) -> Iterator[Candidate]:
    """Yield up to `limit` items: as many of each source as there are, no source crowding out."""
    left, remaining = limit, len(by_source)
    pools = {source: sample.items() for source, sample in by_source.items()}
    for source in sorted(pools, key=lambda name: (len(pools[name]), name)):
        taken = pools[source][: left // remaining]
        yield from taken
        left, remaining = left - len(taken), remaining - 1
