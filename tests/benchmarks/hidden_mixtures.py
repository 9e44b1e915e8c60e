"""Real text by category, parted so that training and estimating never share a book or project.

Reads the corpora that lie beside the project, and the packages of this environment. Units (a book,
an act, a page, a project) are dealt to two sides by hash, each to the side that has less so far.
"""

import hashlib
import random
import sysconfig
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from tests.dedup.candidates import read_jsonl

MIN_CODE, MAX_CODE = 500, 100_000  # bytes of a file
LANGUAGES = ("de", "es", "fr", "it", "pt")


class Sides(NamedTuple):
    """Documents of one category: what a model is trained on, and what its mixture is told from."""

    training: list[str]
    sample: list[str]


def english(corpora: Path) -> dict[str, Sides]:
    """Return six domains of English text."""
    units = {
        "books": _books(corpora),
        "code": _code(),
        "encyclopedic": _encyclopedia(corpora),
        "legal": _acts(corpora),
        "science": _textbooks(corpora),
        "techdocs": _manuals(corpora),
    }
    return {name: _parted(found) for name, found in units.items()}


def languages(corpora: Path) -> dict[str, Sides]:
    """Return five languages, novel by novel, about half a megabyte each and side."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in read_jsonl(corpora / "multilingual/eltec_novels.jsonl.zst"):
        if row["lang"] in LANGUAGES:
            found[row["lang"]].append((row["id"].partition("#")[0], row["text"]))
    return {name: _parted(iter(found[name])) for name in LANGUAGES}


def _books(corpora: Path) -> Iterator[tuple[str, str]]:
    for row in read_jsonl(corpora / "books/classics_chapters.jsonl.zst"):
        yield row["meta"]["author"] + row["meta"]["title"], row["text"]


def _acts(corpora: Path) -> Iterator[tuple[str, str]]:
    for row in pq.read_table(corpora / "legal/irish_acts.parquet").to_pylist():
        yield row["id"], row["text"]


def _manuals(corpora: Path) -> Iterator[tuple[str, str]]:
    for row in read_jsonl(corpora / "techdocs/techdocs.jsonl.zst"):
        yield row["id"].partition("#")[0].rsplit("/", 1)[-1].lower(), row["text"]


def _textbooks(corpora: Path) -> Iterator[tuple[str, str]]:
    for row in read_jsonl(corpora / "science/tex_textbooks.jsonl.zst"):
        yield row["id"].partition("#")[0], row["text"]


def _encyclopedia(corpora: Path) -> Iterator[tuple[str, str]]:
    for row in read_jsonl(corpora / "encyclopedic/britannica_1810.jsonl.zst"):
        yield str(row["meta"]["headword"]), row["text"]


def _code() -> Iterator[tuple[str, str]]:
    root, seen = Path(sysconfig.get_path("purelib")), set()
    for path in sorted(root.rglob("*.py")):
        data = path.read_bytes()
        if MIN_CODE < len(data) < MAX_CODE and data not in seen:
            seen.add(data)
            yield path.relative_to(root).parts[0], data.decode(errors="ignore")


def _parted(units: Iterator[tuple[str, str]]) -> Sides:
    """Deal units to two sides of one size; a unit's documents stay together and in order."""
    texts: dict[str, list[str]] = defaultdict(list)
    for unit, text in units:
        texts[unit].append(text)
    sides, sizes = Sides([], []), [0, 0]
    for unit in sorted(texts, key=lambda name: hashlib.sha256(name.encode()).digest()):
        smaller = int(sizes[1] < sizes[0])
        sides[smaller].extend(texts[unit])
        sizes[smaller] += sum(map(len, texts[unit]))
    return sides


def thinned(texts: Sequence[str], max_characters: float) -> list[str]:
    """Return every n-th document, so that about so much is left."""
    share = max_characters / max(1, sum(map(len, texts)))
    return [
        text for n, text in enumerate(texts) if int((n + 1) * share) > int(n * share) or share >= 1
    ]


def draw(texts: Sequence[str], num_bytes: int, seed: int) -> list[str]:
    """Return documents in random order, again and again, until there are so many bytes."""
    chosen: list[str] = []
    generator = random.Random(seed)
    while num_bytes > 0:
        for text in generator.sample(list(texts), len(texts)):
            data = text.encode()[:num_bytes]
            chosen.append(data.decode(errors="ignore"))
            num_bytes -= len(data)
            if num_bytes <= 0:
                break
    return chosen


def hidden_shares(num_categories: int, num_mixtures: int, seed: int) -> np.ndarray:
    """Return mixtures drawn from a flat Dirichlet: shape (mixtures, categories)."""
    return np.random.default_rng(seed).dirichlet(np.ones(num_categories), num_mixtures)


def train_tokenizer(
    sides: dict[str, Sides], shares: Sequence[float], num_bytes: int, seed: int, path: Path
) -> None:
    """Write a byte-level BPE tokenizer of 10,000 tokens, trained on text in these shares."""
    texts = [
        text
        for each, share in zip(sides.values(), shares, strict=True)
        for text in draw(each.training, int(num_bytes * share), seed)
    ]
    random.Random(seed).shuffle(texts)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=10_000,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(path))
