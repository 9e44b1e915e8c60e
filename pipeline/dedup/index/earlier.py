"""An index of earlier corpora: all that new documents need to be compared with old ones, no text.

    INDEX/index.json         how hashes are made, and the segments with their digests
    INDEX/segments/….parquet one row a document: its id, content key, bands and shingles

A segment never changes. Documents of an index stay whatever comes: new ones lose to them, never
the reverse. About 160 bytes a document and 3 bytes a word.
"""

import json
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ValidationError

from pipeline.dedup.band_file import BandFile
from pipeline.dedup.duplicates import Ranked
from pipeline.errors import ConfigError, InputError
from pipeline.kernels.shingles import Hashes, Integers, ShortHashes
from pipeline.parquet import read_batches
from pipeline.texts import starts_of
from schemas.dedup_index import DedupIndex, Hashing, Segment

INDEX_FILE = "index.json"
SEGMENTS_FOLDER = "segments"
SEGMENT = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("content", pa.list_(pa.uint64(), 2), nullable=False),  # its key
        pa.field("bands", pa.list_(pa.uint64()), nullable=False),  # empty where there are no words
        pa.field("shingles", pa.list_(pa.uint32()), nullable=False),  # ascending
    ]
)


def read_index(folder: Path) -> DedupIndex:
    """Return what an index says of itself; raise InputError where there is none."""
    path = folder / INDEX_FILE
    try:
        index = DedupIndex.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{folder}: no {INDEX_FILE} in it, so it is no index") from None
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise InputError(f"{path}: not an index of this version: {error}") from error
    return index


def read_whole_index(folder: Path) -> DedupIndex:
    """Return what an index says of itself; raise InputError where a segment is not as it says."""
    index = read_index(folder)
    for segment in index.segments:
        file = segment_file(folder, segment)
        if not file.is_file() or file.stat().st_size != segment.num_bytes:
            raise InputError(f"{file}: missing or cut; drop the segment {segment.name!r}, add anew")
    return index


def write_index(folder: Path, index: DedupIndex) -> None:
    """Write what an index says of itself, whole or not at all."""
    (folder / SEGMENTS_FOLDER).mkdir(parents=True, exist_ok=True)
    partial = folder / f".{INDEX_FILE}.{uuid.uuid4().hex}"
    with partial.open("w", encoding="utf-8") as stream:
        stream.write(json.dumps(index.model_dump(), indent=2) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(folder / INDEX_FILE)


def segment_file(folder: Path, segment: Segment) -> Path:
    """Return where a segment lies: by its digest, so that names are never paths."""
    return folder / SEGMENTS_FOLDER / f"{segment.sha256}.parquet"


@dataclass(frozen=True)
class Earlier:
    """The documents of some indexes, one segment after the other; a row is a place in them all."""

    files: tuple[Path, ...] = ()
    segments: tuple[Segment, ...] = ()

    @property
    def num_rows(self) -> int:
        """How many documents there are."""
        return sum(segment.num_documents for segment in self.segments)

    @property
    def names(self) -> list[str]:
        """How the segments are shown beside the names of sources and files."""
        return [f"index: {segment.name}" for segment in self.segments]

    @property
    def digests(self) -> list[str]:
        """What the documents are known by: the digests of the segments."""
        return [segment.sha256 for segment in self.segments]

    @property
    def owners(self) -> Integers:
        """Return for each document the place of its segment: int64."""
        sizes = [segment.num_documents for segment in self.segments]
        return np.repeat(np.arange(len(sizes)), np.array(sizes, np.int64))

    def ids(self) -> pa.ChunkedArray:
        """Return the id of each document."""
        chunks = [pq.read_table(file, columns=["id"])["id"].chunks for file in self.files]
        return pa.chunked_array([piece for each in chunks for piece in each], pa.string())

    def content(self) -> Hashes:
        """Return the content key of each document: uint64, shape (documents, 2)."""
        keys = [
            batch.column("content").flatten().to_numpy().reshape(-1, 2)
            for batch in self._batches("content")
        ]
        return np.concatenate([np.empty((0, 2), np.uint64), *keys])

    def spool_bands(self, bands: BandFile) -> None:
        """Write the bands of all documents to the beginning of a file."""
        bands.write_lists(batch.column("bands") for batch in self._batches("bands"))

    def _batches(self, column: str) -> Iterator[pa.RecordBatch]:
        for file in self.files:
            yield from read_batches(file, [column])

    def group_starts(self) -> Integers:
        """Return the first row of every row group."""
        return starts_of(self.files)

    def read(self, rows: Integers) -> Iterator[tuple[ShortHashes, Integers]]:
        """Yield the shingles of ascending `rows`, a row group at a time."""
        starts = self.group_starts()
        groups = np.searchsorted(starts, rows, side="right") - 1
        places = [(file, group) for file in self.files for group in range(_num_groups(file))]
        for number in np.unique(groups):
            file, group = places[number]
            with pq.ParquetFile(file) as parquet:
                table = parquet.read_row_group(group, columns=["shingles"], use_threads=False)
            lists = table["shingles"].take(pa.array(rows[groups == number] - starts[number]))
            lists = lists.combine_chunks()
            lengths = pc.list_value_length(lists).to_numpy()
            yield lists.flatten().to_numpy(), np.concatenate(([0], np.cumsum(lengths)))


NOTHING_EARLIER = Earlier()


def after_earlier(ranked: Ranked, earlier: Earlier) -> Ranked:
    """Return the documents with those of earlier corpora before them, which stay."""
    own = earlier.num_rows
    names = earlier.names
    return Ranked(
        rows=np.concatenate((np.arange(own), own + ranked.rows)),
        content=np.concatenate((earlier.content(), ranked.content)),
        source=np.concatenate((earlier.owners, len(names) + ranked.source)),
        source_names=[*names, *ranked.source_names],
        num_fixed=own,
    )


def _num_groups(file: Path) -> int:
    return int(pq.read_metadata(file).num_row_groups)


def open_earlier(folders: Sequence[Path], hashing: Hashing) -> Earlier:
    """Return the documents of the indexes in `folders`, each segment once.

    Raises ConfigError where an index was made with other hashes than `hashing`.
    """
    found: dict[str, tuple[Path, Segment]] = {}
    for folder in folders:
        index = read_whole_index(folder)
        refuse_other_hashing(folder, index.hashing, hashing)
        for segment in index.segments:
            found.setdefault(segment.sha256, (segment_file(folder, segment), segment))
    chosen = [found[digest] for digest in sorted(found)]
    return Earlier(tuple(file for file, _ in chosen), tuple(segment for _, segment in chosen))


def refuse_other_hashing(folder: Path, made: Hashing, wanted: Hashing) -> None:
    """Raise ConfigError where hashes of an index cannot be compared with those wanted."""
    own, other = made.model_dump(), wanted.model_dump()
    different = [name for name in own if own[name] != other[name]]
    if not different:
        return
    if "version" in different:
        raise ConfigError(f"{folder}: its hashes are of another version; make the index anew")
    said = ", ".join(f"{name} {own[name]} (here {other[name]})" for name in different)
    raise ConfigError(f"{folder}: was made with {said}; both must be the same")
