"""The documents of each domain: those of the base's sources, and those of other sources.

Reads the corpora that lie beside the project, the packages of this environment and Python's own
library. A unit (a book, an act, a page, a project, a thread) is what parts are dealt by.
"""

import ast
import gzip
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import pyarrow.parquet as pq

from tests.dedup.candidates import read_jsonl

Origin = Literal["base", "other", "unrelated"]
MIN_CODE, MAX_CODE = 500, 100_000  # bytes of a file
ARTICLE = re.compile(r"^ = ([^=\n]+) = \n", re.MULTILINE)  # of WikiText
TASK_TEXTS = {
    "questions": "qa/medquad.jsonl.gz",
    "word-problems": "instruction/gsm8k_train.jsonl.gz",
}
NOVELS, NOVEL_LANGUAGE = "multilingual/eltec_novels.jsonl.zst", "sl"


class Text(NamedTuple):
    """A document with where it is from."""

    domain: str
    origin: Origin
    unit: str
    text: str


def all_texts(corpora: Path) -> Iterator[Text]:
    """Yield the documents of all domains, of `web` and of what is unrelated to any."""
    yield from _code()
    yield from _legal(corpora)
    yield from _techdocs(corpora)
    yield from _encyclopedic(corpora)
    yield from _papers(corpora)
    yield from _books(corpora)
    yield from _forum(corpora)
    for name in ("news/bbc.jsonl.gz", "government/agency_sites.jsonl.gz"):
        yield from (Text("web", "other", row["id"], row["text"]) for row in _rows(corpora, name))
    for row in _rows(corpora, "legal/german_laws.jsonl.zst"):
        yield Text("legal", "unrelated", row["id"], row["text"])


def task_texts(corpora: Path, task: str) -> list[tuple[str, str]]:
    """Return a task's examples: prompt and completion; a novel's chapters have no prompt."""
    if task == "novels":
        rows = read_jsonl(corpora / NOVELS)
        return [("", row["text"]) for row in rows if row["lang"] == NOVEL_LANGUAGE]
    rows = read_jsonl(corpora / TASK_TEXTS[task])
    if task == "word-problems":
        return [(row["question"] + "\n", row["answer"]) for row in rows]
    pairs = (row["text"].partition("\n\nAnswer: ") for row in rows)
    return [(question + mark, answer) for question, mark, answer in pairs if answer]


def _rows(corpora: Path, name: str) -> Iterator[dict[str, str]]:
    yield from read_jsonl(corpora / name)


def _code() -> Iterator[Text]:
    """Yield Python: installed packages are the base's, the standard library is the other source."""
    for name, origin in (("purelib", "base"), ("stdlib", "other")):
        root = Path(sysconfig.get_path(name))
        for path in sorted(root.rglob("*.py")):
            place = path.relative_to(root)
            if origin == "other" and "site-packages" in place.parts:
                continue
            data = path.read_bytes()
            if MIN_CODE < len(data) < MAX_CODE:
                yield Text("code", origin, place.parts[0], data.decode(errors="ignore"))


def _legal(corpora: Path) -> Iterator[Text]:
    """Yield Irish acts for the base; notices and terms of service as other sources."""
    for row in pq.read_table(corpora / "legal/irish_acts.parquet").to_pylist():
        yield Text("legal", "base", row["id"], row["text"])
    for name in ("legal/dmca_notices.jsonl.zst", "legal/terms_of_service.jsonl.gz"):
        yield from (Text("legal", "other", row["id"], row["text"]) for row in _rows(corpora, name))


def _techdocs(corpora: Path) -> Iterator[Text]:
    """Yield the PowerShell reference for the base; PEPs, a Rust book and tldr as other sources."""
    for row in _rows(corpora, "techdocs/techdocs.jsonl.zst"):
        page = row["id"].partition("#")[0].rsplit("/", 1)[-1].lower()
        is_base = row["source"] == "MicrosoftDocs/PowerShell-Docs"
        yield Text("techdocs", "base" if is_base else "other", page, row["text"])


def _encyclopedic(corpora: Path) -> Iterator[Text]:
    """Yield an encyclopaedia of 1810 for the base; Wikipedia and a factbook as other sources."""
    for row in _rows(corpora, "encyclopedic/britannica_1810.jsonl.zst"):
        headword = ast.literal_eval(str(row["meta"]))["headword"]
        yield Text("encyclopedic", "base", str(headword), row["text"])
    for row in _rows(corpora, "encyclopedic/factbook.jsonl.gz"):
        yield Text("encyclopedic", "other", row["id"], row["text"])
    with gzip.open(corpora / "encyclopedic/wikitext2_valid.txt.gz", "rt") as file:
        _, *pieces = ARTICLE.split(file.read())
    for title, text in zip(pieces[::2], pieces[1::2], strict=True):
        yield Text("encyclopedic", "other", title, text)


def _papers(corpora: Path) -> Iterator[Text]:
    """Yield the Stacks project for the base; two other textbooks as other sources."""
    for row in _rows(corpora, "science/tex_textbooks.jsonl.zst"):
        is_base = row["source"] == "stacks/stacks-project"
        unit = row["id"].partition("#")[0]
        yield Text("papers", "base" if is_base else "other", unit, row["text"])
    for row in _rows(corpora, "science/physics_openstax.jsonl.gz"):
        yield Text("papers", "other", row["id"], row["text"])


def _books(corpora: Path) -> Iterator[Text]:
    """Yield novels: authors up to M are the base's, the others the other source."""
    for row in _rows(corpora, "books/classics_chapters.jsonl.zst"):
        meta = ast.literal_eval(str(row["meta"]))
        origin: Origin = "base" if meta["author"].split()[-1].upper() < "M" else "other"
        yield Text("books", origin, meta["author"] + meta["title"], row["text"])


def _forum(corpora: Path) -> Iterator[Text]:
    """Yield threads: of one community for the base, of another as the other source."""
    for row in _rows(corpora, "qa/stackexchange_threads.jsonl.gz"):
        is_base = row["source"] == "kevswanberg/beer_tentrr"
        yield Text("forum", "base" if is_base else "other", row["id"], row["text"])
