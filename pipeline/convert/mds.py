"""A build's shards as MDS, which MosaicML's streaming and llm-foundry read.

Reads BUILD/shards; writes DIR/shard.00000.mds …, index.json and manifest.json. Always true: samples
are the shards' rows in their order, every column included; nothing in them needs pickle; the same
build gives the same bytes. Nulls become "", NaN or -1, since MDS has none.

A file is: number of samples, where each begins and the last ends (uint32, little-endian, from the
file's start), a JSON header, the samples; a sample is the sizes of its strings (uint32), then its
values, by name of column. Source: version 2 of the format, as mosaicml-streaming 0.13 writes it.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import InputError
from pipeline.fingerprint import canonical_json
from pipeline.output import (
    MANIFEST_FILE,
    MDS_KIND,
    SHARDS_FOLDER,
    read_build_manifest,
    replace_directory,
)
from schemas.document import ANCHOR

INDEX_FILE = "index.json"
SIZE_LIMIT = 1 << 26  # bytes of a file, as MosaicML's own writer has it
BATCH_ROWS = 1_000
WIDTH = np.dtype("<u4")


@dataclass(frozen=True)
class Encoding:
    """How the values of a column are written."""

    name: str  # in MDS
    size: int | None  # bytes of a value; None: as many as it needs
    encode: Callable[[Any], bytes]


ENCODINGS = {
    pa.string(): Encoding("str", None, lambda value: (value or "").encode()),
    pa.float32(): Encoding(
        "float32", 4, lambda value: np.float32("nan" if value is None else value).tobytes()
    ),
    pa.int64(): Encoding("int", 8, lambda value: _integer(value)),
    pa.int8(): Encoding("int", 8, lambda value: _integer(value)),
}
COLUMNS = {field.name: ENCODINGS[field.type] for field in sorted(ANCHOR, key=lambda f: f.name)}
HEADER = {
    "column_encodings": [encoding.name for encoding in COLUMNS.values()],
    "column_names": list(COLUMNS),
    "column_sizes": [encoding.size for encoding in COLUMNS.values()],
    "compression": None,
    "format": "mds",
    "hashes": ["sha256"],
    "size_limit": SIZE_LIMIT,
    "version": 2,
}


def convert_build(build: Path, output: Path, size_limit: int = SIZE_LIMIT) -> int:
    """Write the shards of a build as MDS; return the number of documents.

    Raises InputError where `build` is not a finished build, OutputError where `output` holds
    something else.
    """
    manifest = read_build_manifest(build)
    num_samples = 0
    with replace_directory(output) as folder:
        shards = []
        for number, samples in enumerate(fill(map(encode_row, _rows(build)), size_limit)):
            data = encode_file(samples)
            name = f"shard.{number:05d}.mds"
            (folder / name).write_bytes(data)
            num_samples += len(samples)
            shards.append(_entry(name, data, len(samples)))
        index = {"shards": shards, "version": HEADER["version"]}
        (folder / INDEX_FILE).write_text(json.dumps(index, sort_keys=True))
        facts = {"kind": MDS_KIND, "build": manifest.fingerprint, "num_documents": num_samples}
        (folder / MANIFEST_FILE).write_text(canonical_json(facts) + "\n")
    return num_samples


def fill(samples: Iterable[bytes], size_limit: int) -> Iterator[list[bytes]]:
    """Yield samples for one file after another, as many as fit; each has one at least."""
    header = len(_header()) + 2 * WIDTH.itemsize
    held: list[bytes] = []
    size = header
    for sample in samples:
        needed = len(sample) + WIDTH.itemsize
        if held and size + needed > size_limit:
            yield held
            held, size = [], header
        held.append(sample)
        size += needed
    if held:
        yield held


def encode_row(row: dict[str, Any]) -> bytes:
    """Return a sample."""
    values = [encoding.encode(row[name]) for name, encoding in COLUMNS.items()]
    sizes = [
        len(value)
        for value, encoding in zip(values, COLUMNS.values(), strict=True)
        if encoding.size is None
    ]
    return np.array(sizes, WIDTH).tobytes() + b"".join(values)


def encode_file(samples: list[bytes]) -> bytes:
    """Return the bytes of a file."""
    header = _header()
    first = (len(samples) + 2) * WIDTH.itemsize + len(header)
    places = first + np.cumsum([0, *map(len, samples)])
    count = np.array([len(samples)], WIDTH).tobytes()
    return b"".join([count, places.astype(WIDTH).tobytes(), header, *samples])


def _header() -> bytes:
    return json.dumps(HEADER, sort_keys=True).encode()


def _entry(name: str, data: bytes, num_samples: int) -> dict[str, Any]:
    """Return what the index says of a file."""
    digest = sha256(data).hexdigest()
    raw = {"basename": name, "bytes": len(data), "hashes": {"sha256": digest}}
    return {**HEADER, "raw_data": raw, "samples": num_samples, "zip_data": None}


def _integer(value: int | None) -> bytes:
    return np.array(-1 if value is None else value, "<i8").tobytes()


def _rows(build: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of all shards, in order."""
    for path in sorted((build / SHARDS_FOLDER).glob("*.parquet")):
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(BATCH_ROWS, columns=list(COLUMNS)):
                    yield from batch.to_pylist()
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(
                f"{path}: cannot be read: {error}; try `anchor verify {build}`"
            ) from error
