"""Documents dealt to parts, by whole units, and no near-duplicate in two parts.

Writes HOME/parts/all.parquet, and what `anchor dedup` leaves of it in HOME/parts/unique/. Parts:
`heldout` (forgetting is measured on it), `base` (the base reads it), `same` (other units of the
base's sources), `other` (other sources) and `unrelated`. Always true: of two near-duplicates the
one in the part named first stays, so nothing that is replayed resembles what is held out.
"""

import hashlib
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.replay.build import Document
from tests.benchmarks.recovery.protocol import SHARES, Size
from tests.benchmarks.recovery.sources import Text, all_texts

ANCHOR = Path(sys.executable).with_name("anchor")
PARTS = ("heldout", "base", "same", "other", "unrelated")
MAX_UNIT_BYTES = 600_000  # so that no project is most of a domain
HELDOUT_UNIT_BYTES = 30_000  # so that many units are held out
HELDOUT_BYTES_A_ROW = 1_000  # of context; twice what a row holds
MARGIN = 1.2  # of the base's text: some are near-duplicates of what is held out
SAME_BYTES = 6_000_000  # a domain


def anchor(*arguments: str) -> None:
    """Run the command line; what it says is shown only where it fails."""
    done = subprocess.run([ANCHOR, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"anchor {' '.join(arguments)}\n{done.stdout}{done.stderr}")


def write_parts(corpora: Path, size: Size, home: Path) -> None:
    """Write the parts, unless they are there."""
    folder = home / "parts"
    if (folder / "unique/manifest.json").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    dealt: dict[str, list[tuple[str, str]]] = {part: [] for part in PARTS}
    for part, text in _deal(all_texts(corpora), size):
        dealt[part].append((text.domain, text.text))
    rows = [(domain, text, part) for part in PARTS for domain, text in dealt[part]]
    columns = {
        "id": [hashlib.sha256(text.encode()).hexdigest()[:20] for _, text, _ in rows],
        "text": [text for _, text, _ in rows],
        "domain": [domain for domain, _, _ in rows],
        "part": [part for _, _, part in rows],
    }
    pq.write_table(pa.table(columns), folder / "all.parquet", compression="zstd")
    anchor("dedup", str(folder / "all.parquet"), "--output", str(folder / "unique"))


@lru_cache(maxsize=1)
def read_parts(home: Path) -> dict[str, dict[str, list[Document]]]:
    """Return the documents of each part, by domain."""
    parts: dict[str, dict[str, list[Document]]] = defaultdict(lambda: defaultdict(list))
    for row in pq.read_table(home / "parts/unique/documents/all.parquet").to_pylist():
        document = Document(row["id"], row["text"], row["domain"], "various", 0)
        parts[row["part"]][row["domain"]].append(document)
    return parts


def base_documents(home: Path, size: Size, base: int = 0) -> list[Document]:
    """Return what a base reads: each domain's documents up to its share of the bytes."""
    chosen = []
    for domain, documents in read_parts(home)["base"].items():
        left = SHARES[domain] * size.base_bytes / size.epochs(base)
        for document in documents:
            if left <= 0:
                break
            text = document.text.encode()[: int(left) + 1].decode(errors="ignore")
            chosen.append(Document(document.id, text, domain, document.license, 0))
            left -= len(text.encode())
    return chosen


def heldout_documents(home: Path) -> list[Document]:
    """Return what forgetting is measured on."""
    held = read_parts(home)["heldout"]
    return [document for documents in held.values() for document in documents]


def _deal(texts: Iterable[Text], size: Size) -> Iterator[tuple[str, Text]]:
    """Yield texts with their part: the base's units go to held out, base and same, by hash."""
    units: dict[str, dict[str, list[Text]]] = defaultdict(lambda: defaultdict(list))
    for text in texts:
        if text.origin == "base":
            units[text.domain][text.unit].append(text)
        else:
            yield text.origin, text
    for domain, by_unit in units.items():
        room = {
            "heldout": size.heldout_rows * HELDOUT_BYTES_A_ROW,
            "base": SHARES[domain] * size.base_bytes * MARGIN,
            "same": SAME_BYTES,
        }
        for unit in sorted(by_unit, key=lambda name: hashlib.sha256(name.encode()).digest()):
            part = next((name for name, left in room.items() if left > 0), None)
            if part is None:
                break
            for text in _at_most(
                by_unit[unit], HELDOUT_UNIT_BYTES if part == "heldout" else MAX_UNIT_BYTES
            ):
                room[part] -= len(text.text.encode())
                yield part, text


def _at_most(texts: Sequence[Text], num_bytes: int) -> Iterator[Text]:
    """Yield some of a unit's texts, the last one cut."""
    for text in sorted(texts, key=lambda each: hashlib.sha256(each.text.encode()).digest()):
        cut = text.text.encode()[:num_bytes].decode(errors="ignore")
        num_bytes -= len(cut.encode())
        if cut:
            yield text._replace(text=cut)
