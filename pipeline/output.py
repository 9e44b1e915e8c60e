"""An output folder: what lies where in it, how it is put in its place, and how its rows are named.

Reads manifest.json of a finished build or fine-tune. Always true: a folder with a manifest.json is
whole, because the manifest is written last and the folder moves into place by rename.
"""

import contextlib
import glob
import hashlib
import json
import shutil
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
from pydantic import ValidationError

from pipeline.errors import InputError, OutputError
from pipeline.fingerprint import canonical_json, file_sha256
from schemas.finetune import FinetuneManifest
from schemas.manifest import FileEntry, Manifest, RunRecord

MANIFEST_FILE = "manifest.json"
RUN_FILE = "run.json"
REPORT_FILE = "report.html"
MIXTURE_FILE = "mixture.yaml"
CARD_FILE = "README.md"
SHARDS_FOLDER = "shards"
HELDOUT_FOLDER = "heldout"
DECISIONS_FOLDER = "decisions"
QUARANTINE_FOLDER = "quarantine"
INPUTS_FOLDER = "inputs"
DEDUP_KIND, MDS_KIND = "dedup", "mds"
OTHER_KINDS = {DEDUP_KIND: "deduplicated files", MDS_KIND: "shards for MosaicML's streaming"}
ADDRESSES = ("s3:", "gs:", "hf:", "http:", "https:")


def read_manifest(directory: Path) -> Manifest | FinetuneManifest:
    """Return the manifest of an output folder.

    Raises InputError where there is none, or where it is not a manifest of this project.
    """
    _refuse_address(directory)
    path = directory / MANIFEST_FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{directory}: no {MANIFEST_FILE} in it; give the output folder of a finished build "
            "or fine-tune"
        ) from None
    except (NotADirectoryError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    if (kind := _kind(data)) in OTHER_KINDS:
        raise InputError(f"{directory}: holds {OTHER_KINDS[kind]}; give a build or a fine-tune")
    model = FinetuneManifest if kind == "finetune" else Manifest
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{path}: made by another version ({key}: {first['msg']}); build or fine-tune again"
        ) from error


def _kind(data: object) -> str | None:
    return data.get("kind") if isinstance(data, dict) else None


def read_build_manifest(directory: Path) -> Manifest:
    """Return the manifest of a build; raise InputError where the folder holds a fine-tune."""
    manifest = read_manifest(directory)
    if not isinstance(manifest, Manifest):
        raise InputError(f"{directory}: holds a fine-tune; give the output folder of a build")
    return manifest


def write_run_record(directory: Path, record: RunRecord) -> None:
    """Write run.json: what differs from run to run, so no part of the manifest."""
    path = directory / RUN_FILE
    path.write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_run_record(directory: Path) -> RunRecord | None:
    """Return the times of the run that made `directory`; None where nothing is recorded."""
    path = directory / RUN_FILE
    if not path.is_file():
        return None
    try:
        return RunRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def file_entry(
    directory: Path,
    path: Path,
    num_rows: int | None = None,
    num_tokens: int | None = None,
    logical: str | None = None,
) -> FileEntry:
    """Return the manifest's entry for a finished file below `directory`."""
    return FileEntry(
        path=path.relative_to(directory).as_posix(),
        num_bytes=path.stat().st_size,
        sha256=file_sha256(path),
        num_rows=num_rows,
        num_tokens=num_tokens,
        logical_sha256=logical,
    )


def logical_sha256(batches: Iterable[pa.RecordBatch]) -> str:
    """Return the sha256 of the rows as JSON lines: sorted keys, no spaces, UTF-8.

    Depends on the rows and their order alone, not on how a Parquet writer laid them out.
    """
    digest = hashlib.sha256()
    for batch in batches:
        for row in batch.to_pylist():
            digest.update(canonical_json(row).encode() + b"\n")
    return digest.hexdigest()


def earlier_build(output: Path, fingerprint: str) -> Path:
    """Return where the build `fingerprint` lies once another has taken its place in `output`."""
    return output.with_name(f"{output.name}.earlier") / fingerprint[:16]


def find_fingerprint(directory: Path) -> str | None:
    """Return the fingerprint of the build in `directory`; None where there is none."""
    try:
        manifest = read_manifest(directory)
    except InputError:
        return None
    return manifest.fingerprint if isinstance(manifest, Manifest) else None


def lock_of(output: Path) -> Path:
    """Return the lock that a run holds while it makes `output`."""
    return output.with_name(f".{output.name}.lock")


@contextlib.contextmanager
def replace_directory(output: Path) -> Iterator[Path]:
    """Yield a new folder beside `output` that takes its place when the block ends well.

    Until then an earlier output stays as it is, and an error leaves it untouched. Afterwards an
    earlier build lies where `earlier_build` says; any other earlier output is deleted. Raises
    OutputError where `output` holds something that is not an output of this project.
    """
    check_writable(output)
    partial = _sibling(output, "partial")
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written here: {error.strerror}") from error
    try:
        yield partial
        _swap(partial, output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def remove_left_behind(output: Path) -> None:
    """Remove what runs that were killed left beside `output`; only for the holder of its lock."""
    for word in ("partial", "old"):
        for folder in output.parent.glob(f".{glob.escape(output.name)}.{word}-*"):
            shutil.rmtree(folder, ignore_errors=True)


def check_writable(output: Path) -> None:
    """Raise OutputError unless `output` is missing, an empty folder, or an earlier output."""
    _refuse_address(output)
    if output.is_symlink() or (output.exists() and not output.is_dir()):
        raise OutputError(f"{output}: exists and is not a folder; choose another output")
    if output.is_dir() and not (output / MANIFEST_FILE).is_file() and any(output.iterdir()):
        raise OutputError(
            f"{output}: holds files but no {MANIFEST_FILE}, so it is no earlier output; "
            "choose another output, or empty it"
        )


def _refuse_address(path: Path) -> None:
    """Raise OutputError for an address: as a path it has lost one of its slashes."""
    if path.parts and path.parts[0] in ADDRESSES:
        address = str(path).replace(":/", "://", 1)
        raise OutputError(
            f"{address}: only `anchor build --output` and `anchor verify` take addresses; give a "
            "folder: a build that went to an address has a copy below data/builds/.buckets"
        )


def _sibling(output: Path, word: str) -> Path:
    return output.parent / f".{output.name}.{word}-{uuid.uuid4().hex[:12]}"


def _swap(partial: Path, output: Path) -> None:
    """Move `partial` to `output`; what was there is kept or deleted, or put back on failure."""
    if not output.exists():
        partial.rename(output)
        return
    replaced = find_fingerprint(output)
    old = _sibling(output, "old") if replaced is None else earlier_build(output, replaced)
    if old.exists():  # the same build as before an earlier one
        shutil.rmtree(old)
    old.parent.mkdir(parents=True, exist_ok=True)
    output.rename(old)
    try:
        partial.rename(output)
    except OSError:
        old.rename(output)
        raise
    if replaced is None:
        shutil.rmtree(old)
