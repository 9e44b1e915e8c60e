"""The finished build that a fine-tune replays: checked whole, then read.

Reads BUILD/manifest.json, BUILD/shards/*.parquet and BUILD/heldout/DOMAIN.parquet; writes nothing.
Always true: documents are only read from files whose size and sha256 are those of the manifest,
and the manifest can name no file outside the build.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InputError
from pipeline.fingerprint import file_sha256, fingerprint
from pipeline.output import HELDOUT_FOLDER, SHARDS_FOLDER, read_build_manifest
from pipeline.parquet import read_batches
from schemas.manifest import FileEntry, Manifest

COLUMNS = ["id", "text", "domain", "license", "num_tokens"]
PARQUET_NAME = re.compile(r"[A-Za-z0-9_.-]+\.parquet")


@dataclass(frozen=True)
class Document:
    """One row of a build's shards or held-out files; repetitions share an id."""

    id: str
    text: str
    domain: str
    license: str
    num_tokens: int  # by the build's tokenizer


@dataclass(frozen=True)
class Build:
    """A build that was found whole: its manifest, its files, and a digest of both."""

    folder: Path
    manifest: Manifest
    shards: tuple[Path, ...]
    heldout: tuple[Path, ...]
    digest: str


def open_build(folder: Path) -> Build:
    """Check a build's manifest, shards and held-out files; raise InputError where one is amiss."""
    manifest = read_build_manifest(folder)
    shards = _entries_in(SHARDS_FOLDER, manifest)
    heldout = _entries_in(HELDOUT_FOLDER, manifest)
    if not shards:
        raise InputError(f"{folder}: the build has no shards; there is nothing to replay")
    if not heldout:
        raise InputError(
            f"{folder}: the build holds out no documents, so forgetting cannot be measured; "
            "set sample.heldout_documents in its recipe and build again"
        )
    entries = sorted([*shards, *heldout], key=lambda entry: entry.path)
    for entry in entries:
        _check_file(folder, entry)
    return Build(
        folder=folder,
        manifest=manifest,
        shards=tuple(sorted(folder / entry.path for entry in shards)),
        heldout=tuple(sorted(folder / entry.path for entry in heldout)),
        digest=fingerprint(manifest.fingerprint, [(e.path, e.sha256) for e in entries]),
    )


def _entries_in(subfolder: str, manifest: Manifest) -> list[FileEntry]:
    """Return the Parquet files directly in a subfolder; a name with a path in it is none."""
    return [
        entry
        for entry in manifest.files
        if entry.path.startswith(f"{subfolder}/")
        and PARQUET_NAME.fullmatch(entry.path.removeprefix(f"{subfolder}/"))
    ]


def _check_file(folder: Path, entry: FileEntry) -> None:
    path = folder / entry.path
    if not path.is_file():
        raise InputError(f"{path}: missing, though the manifest lists it; build again")
    size = path.stat().st_size
    if size != entry.num_bytes:
        raise InputError(
            f"{path}: has {size} bytes, the manifest says {entry.num_bytes}; build again"
        )
    if file_sha256(path) != entry.sha256:
        raise InputError(f"{path}: its sha256 is not the manifest's; it was changed: build again")


def read_documents(paths: Iterable[Path]) -> list[Document]:
    """Return the rows of the files, in order of file and row."""
    documents = []
    for path in paths:
        for batch in read_batches(path, COLUMNS):
            columns = [batch.column(name).to_pylist() for name in COLUMNS]
            documents += [Document(*row) for row in zip(*columns, strict=True)]
    return documents


def token_shares(documents: Iterable[Document]) -> dict[str, float]:
    """Return each domain's share of the tokens, domains in alphabetical order."""
    counts: dict[str, int] = {}
    for document in documents:
        counts[document.domain] = counts.get(document.domain, 0) + document.num_tokens
    total = sum(counts.values())
    return {domain: counts[domain] / total for domain in sorted(counts) if counts[domain]}
