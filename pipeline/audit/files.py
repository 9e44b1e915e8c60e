"""Checks of an output's files: all there, nothing else there, every digest and schema as stated.

Reads every file that the manifest lists, once, in chunks.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import IntegrityError
from pipeline.fingerprint import file_sha256
from pipeline.tables import TABLES, path_within, table_files
from schemas.finetune import FinetuneManifest
from schemas.manifest import FileEntry, Manifest

DATA_SUFFIXES = (".parquet", ".safetensors")


def file_problems(directory: Path, manifest: Manifest | FinetuneManifest) -> Iterator[str]:
    """Yield each listed file that is missing or has another size or sha256 than stated."""
    for entry in manifest.files:
        try:
            path = path_within(directory, entry.path)
        except IntegrityError as error:
            yield str(error)
            continue
        if problem := _problem_of(path, entry):
            yield f"{entry.path}: {problem}"


def _problem_of(path: Path, entry: FileEntry) -> str | None:
    if not path.is_file():
        return "missing"
    size = path.stat().st_size
    if size != entry.num_bytes:
        return f"has {size:,} bytes, the manifest says {entry.num_bytes:,}"
    digest = file_sha256(path)
    if digest != entry.sha256:
        return f"sha256 is {digest[:12]}…, the manifest says {entry.sha256[:12]}…"
    return None


def unlisted_problems(directory: Path, manifest: Manifest | FinetuneManifest) -> Iterator[str]:
    """Yield each data file that lies in the folder and is not in the manifest."""
    listed = {entry.path for entry in manifest.files}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.suffix in DATA_SUFFIXES and name not in listed:
            yield f"{name}: not in the manifest"


def schema_problems(directory: Path, manifest: Manifest) -> Iterator[str]:
    """Yield each Parquet file that is missing, unreadable or has other columns than it should."""
    for table, schema in TABLES.items():
        for path in table_files(directory, manifest, table):
            try:
                found = pq.read_schema(path)
            except (OSError, pa.ArrowInvalid) as error:
                yield f"{table}/{path.name}: cannot be read: {error}"
                continue
            if not found.equals(schema):
                yield f"{table}/{path.name}: columns are {', '.join(found.names)}, or other types"
