"""The tables of a finished build, ready for SQL: shards, heldout, decisions, quarantine, inputs.

Reads the Parquet files that the manifest lists; writes nothing but DuckDB's own spill, into a
temporary folder that is removed. Files are streamed, so memory stays within `MEMORY_LIMIT` or so.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from pipeline.errors import IntegrityError
from pipeline.output import (
    DECISIONS_FOLDER,
    HELDOUT_FOLDER,
    INPUTS_FOLDER,
    QUARANTINE_FOLDER,
    SHARDS_FOLDER,
)
from pipeline.sql import connect
from schemas.decision import DECISION, QUARANTINE
from schemas.document import ANCHOR
from schemas.input import INPUT
from schemas.manifest import Manifest

MEMORY_LIMIT = "1GB"
TABLES: dict[str, pa.Schema] = {
    SHARDS_FOLDER: ANCHOR,
    HELDOUT_FOLDER: ANCHOR,
    DECISIONS_FOLDER: DECISION,
    QUARANTINE_FOLDER: QUARANTINE,
    INPUTS_FOLDER: INPUT,
}


def table_files(directory: Path, manifest: Manifest, table: str) -> list[Path]:
    """Return the files of one of TABLES that the manifest lists, in order.

    Raises IntegrityError for a path that leads out of the folder.
    """
    return [
        path_within(directory, entry.path)
        for entry in manifest.files
        if PurePosixPath(entry.path).parts[:1] == (table,)
    ]


def path_within(directory: Path, relative: str) -> Path:
    """Return the path of a listed file; raise IntegrityError where it is not below `directory`."""
    parts = PurePosixPath(relative).parts
    if not parts or ".." in parts or relative.startswith("/") or "\\" in relative:
        raise IntegrityError(f"the manifest lists {relative!r}, which is no path in its folder")
    return directory.joinpath(*parts)


@contextlib.contextmanager
def open_tables(directory: Path, manifest: Manifest) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection on which each of TABLES is a view of the build's files."""
    with (
        tempfile.TemporaryDirectory(prefix="anchor-") as spill,
        contextlib.closing(connect(MEMORY_LIMIT, spill)) as connection,
    ):
        for table, schema in TABLES.items():
            paths = [str(path) for path in table_files(directory, manifest, table)]
            rows = ds.dataset(paths, schema=schema) if paths else schema.empty_table()
            connection.register(table, rows)
        yield connection
