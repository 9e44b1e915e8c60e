"""What is cut from each document: the lines that another keeps, and those it says twice.

Reads a shard's texts, its attribute `pii`, and which lines recur; writes the attribute CUTS. Tokens
are counted again, by rule of thumb, on what is left, as it will be exported. Memory is bounded by
one row group.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.buffers import text_buffers
from pipeline.cuts import Cut, cuts_of_lines, exported, in_code_points, without
from pipeline.dedup.lines.annotator import lines_of
from pipeline.dedup.lines.repeated import Repeated
from pipeline.fingerprint import fingerprint
from pipeline.kernels.lines import LongLines, repeats_within
from pipeline.kernels.shingles import Integers
from pipeline.parquet import write_batches
from pipeline.shard import Shard, read_shard
from pipeline.store import Store
from pipeline.tokens import BYTES_RULE, count_tokens
from schemas.attributes import CUTS
from schemas.document import CONTENT_DIGITS

Flags = npt.NDArray[np.bool_]

VERSION = 1
CUTS_FILE = "cuts.parquet"
REQUIRED = ("pii", "tokens")


@dataclass(frozen=True)
class CutTask:
    """One shard; `first_row` is its place in the census."""

    shard: Shard
    first_row: int


@dataclass(frozen=True)
class Cutter:
    """What decides which lines go."""

    repeated: Repeated
    min_words: int
    min_words_within: int
    multiplier: int


def cut_shard(task: CutTask, store: Store, cutter: Cutter) -> Shard:
    """Return the shard with the attribute `cuts`, computed or found in the store."""
    shard = task.shard
    known = [shard.attribute_fingerprints[name] for name in REQUIRED]
    identity = fingerprint(
        "cuts", VERSION, cutter.repeated.identity, cutter.min_words_within, shard.fingerprint, known
    )

    def write(folder: Path) -> dict[str, Any]:
        return {"num_rows": write_batches(folder / CUTS_FILE, CUTS, _cut_batches(task, cutter))}

    entry = store.obtain("cuts", identity, write)
    return shard.with_attribute("cuts", entry.file(CUTS_FILE), identity)


def _cut_batches(task: CutTask, cutter: Cutter) -> Iterator[pa.RecordBatch]:
    ranks = cutter.repeated.ranks(task.first_row, task.shard.num_documents)
    first = 0
    for batch in read_shard(task.shard, ["text"], ("pii",)):
        own = ranks[first : first + batch.num_rows]
        first += batch.num_rows
        yield cut_batch(batch, own, cutter)


def cut_batch(batch: pa.RecordBatch, ranks: Integers, cutter: Cutter) -> pa.RecordBatch:
    """Return CUTS for a batch with `id`, `text` and `pii`; `ranks`: int64, shape (documents,)."""
    rows: list[dict[str, Any]] = [
        {"id": name, "cuts": [], "num_lines": 0, "num_bytes": 0, "keeps_line": False}
        for name in batch.column("id").to_pylist()
    ]
    asked = np.flatnonzero(ranks >= 0)
    texts = batch.column("text").take(pa.array(asked))
    lines = lines_of(texts, cutter.min_words, cutter.multiplier)
    is_cut, is_kept = _choose(lines, ranks[asked], cutter)
    owners = np.repeat(asked, np.diff(lines.firsts))
    starts = np.repeat(text_buffers(texts)[1][:-1], np.diff(lines.firsts))
    for row in np.unique(owners[is_kept]):
        rows[row]["keeps_line"] = True
    cut = np.flatnonzero(is_cut)
    spans = np.stack((lines.starts - starts, lines.ends - starts), axis=1)[cut]
    touched, firsts = np.unique(owners[cut], return_index=True)
    left = []
    for row, own in zip(touched.tolist(), np.split(spans, firsts[1:]), strict=False):
        text, pii = batch.column("text")[row].as_py(), batch.column("pii")[row].as_py()
        cuts = _cuts_of(text, own)
        rows[row] |= _describe(text, cuts, num_lines=len(own))
        left.append(exported(text, pii, cuts))
    for row, num_tokens in zip(touched, count_tokens(left, BYTES_RULE), strict=True):
        rows[row]["num_tokens"] = num_tokens
    return pa.RecordBatch.from_pylist(rows, schema=CUTS)


def _choose(lines: LongLines, ranks: Integers, cutter: Cutter) -> tuple[Flags, Flags]:
    """Say of each line whether it is cut, and whether it is kept here for other documents."""
    own = np.repeat(ranks, np.diff(lines.firsts))
    holders = cutter.repeated.holders(lines.hashes)
    is_kept = holders == own
    is_elsewhere = (holders >= 0) & ~is_kept
    is_said_twice = repeats_within(lines) & (lines.num_words >= cutter.min_words_within)
    return is_elsewhere | is_said_twice, is_kept


def _cuts_of(text: str, lines: Integers) -> list[Cut]:
    """Return what to cut for lines given by their bytes, shape (lines, 2)."""
    points = in_code_points(text, lines.ravel().tolist())
    return cuts_of_lines(text, list(zip(points[::2], points[1::2], strict=True)))


def _describe(text: str, cuts: list[Cut], num_lines: int) -> dict[str, Any]:
    """Return the columns of CUTS for a text that something is cut from, but for the tokens."""
    left, _ = without(text, [], cuts)
    return {
        "cuts": cuts,
        "num_lines": num_lines,
        "num_bytes": len(text.encode()) - len(left.encode()),
        "num_characters": len(left),
        "content": hashlib.sha256(left.encode()).hexdigest()[:CONTENT_DIGITS],
    }
