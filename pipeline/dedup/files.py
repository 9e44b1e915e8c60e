"""Deduplication of Parquet files by themselves, without a build: files in, filtered files out.

    OUT/documents/…      the input files, by the same names, without the duplicates
    OUT/removed.parquet  every duplicate: where it was, where its survivor is, their Jaccard
    OUT/manifest.json    parameters, counts, largest clusters, digests of the files

Reads each text twice at most, all other columns once. Rows keep their order; of duplicates the
first row survives, files counting in the order given. The result is the same for any mapper.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.dedup.band_file import BandFile
from pipeline.dedup.bands import BandsAnnotator, annotator_of, hashing_of
from pipeline.dedup.content import keys_of_texts
from pipeline.dedup.duplicates import Duplicates, Ranked, find_duplicates
from pipeline.dedup.index.earlier import Earlier, after_earlier, open_earlier
from pipeline.dedup.inputs import ParquetInput, sign_ranges
from pipeline.dedup.shingle_files import TextShingles
from pipeline.kernels.shingles import Hashes, Integers
from pipeline.mapping import Mapper, serial_map
from pipeline.output import DEDUP_KIND, MANIFEST_FILE, file_entry, replace_directory
from pipeline.parquet import write_table
from pipeline.texts import TextFiles, small_batches
from schemas.dedup_index import Hashing
from schemas.recipe import Dedup

GROUP_BYTES = 32 << 20  # of a row group in memory
DOCUMENTS_FOLDER = "documents"
REMOVED_FILE = "removed.parquet"
REMOVED = pa.schema(
    [
        pa.field("file", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("survivor_file", pa.string(), nullable=False),
        pa.field("survivor_row", pa.int64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),  # "exact" or "near"
        pa.field("jaccard", pa.float32(), nullable=False),
    ]
)


@dataclass(frozen=True)
class _SignTask:
    texts: TextFiles
    rows: tuple[int, int]  # first, and after the last
    first_place: int  # of all rows, in the file of bands
    annotator: BandsAnnotator
    bands: BandFile


@dataclass(frozen=True)
class _FilterTask:
    source: ParquetInput
    column: str
    target: Path
    is_kept: npt.NDArray[np.bool_]


def deduplicate_files(
    inputs: Sequence[ParquetInput],
    output: Path,
    config: Dedup,
    seed: int,
    column: str = "text",
    mapper: Mapper = serial_map,
) -> dict[str, Any]:
    """Write the files of `inputs` without duplicates to the folder `output`; return the manifest.

    Raises ConfigError where an index of `config.against` has other hashes, OutputError where
    `output` holds something else. `output` gets everything or nothing; beside it there must be room
    for the bands: 8 bytes a band and document, and half as much again.
    """
    hashing = hashing_of(config, seed)
    earlier = open_earlier([Path(folder) for folder in config.against], hashing)
    texts = TextFiles(tuple(i.path for i in inputs), tuple(i.num_rows for i in inputs), column)
    with replace_directory(output) as folder:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            scratch = Path(name)
            names = [source.name for source in inputs]
            ranked, bands = _sign(texts, names, earlier, annotator_of(hashing), mapper, scratch)
            shingles = TextShingles(texts, config.ngram, hashing.seed)
            found = find_duplicates(ranked, bands, [earlier, shingles], config, mapper, scratch)
        _filter(inputs, column, found.removed - earlier.num_rows, folder, mapper)
        places = Places.of(earlier, inputs)
        write_table(folder / REMOVED_FILE, _as_table(found, places))
        return _write_manifest(folder, found, places, inputs, hashing, column)


def _sign(
    texts: TextFiles,
    names: Sequence[str],
    earlier: Earlier,
    annotator: BandsAnnotator,
    mapper: Mapper,
    scratch: Path,
) -> tuple[Ranked, BandFile]:
    """Return all documents, ranked as they stand in the files, and their bands."""
    num_rows = sum(texts.num_rows)
    bands = BandFile(scratch / "bands", annotator.bands, earlier.num_rows + num_rows).create()
    earlier.spool_bands(bands)
    ranges = sign_ranges(texts)
    tasks = [_SignTask(texts, rows, earlier.num_rows, annotator, bands) for rows in ranges]
    keys = mapper("sign", _sign_range, tasks, [stop - start for start, stop in ranges])
    ranked = Ranked(
        rows=np.arange(num_rows),
        content=np.concatenate([np.empty((0, 2), np.uint64), *keys]),
        source=np.repeat(np.arange(len(texts.num_rows)), texts.num_rows),
        source_names=names,
    )
    return after_earlier(ranked, earlier), bands


def _sign_range(task: _SignTask) -> Hashes:
    """Write the bands of some rows; return their content keys."""
    first_row, keys = task.first_place + task.rows[0], [np.empty((0, 2), np.uint64)]
    for batch in task.texts.batches(np.arange(*task.rows)):
        task.bands.write(first_row, task.annotator.hashes(batch))
        keys.append(keys_of_texts(batch))
        first_row += len(batch)
    return np.concatenate(keys)


def _filter(
    inputs: Sequence[ParquetInput], column: str, removed: Integers, folder: Path, mapper: Mapper
) -> None:
    """Write every file without the rows `removed` (of all files together)."""
    is_kept = np.ones(sum(source.num_rows for source in inputs), np.bool_)
    is_kept[removed] = False
    parts = np.split(is_kept, np.cumsum([source.num_rows for source in inputs])[:-1])
    tasks = [
        _FilterTask(source, column, folder / DOCUMENTS_FOLDER / source.name, part)
        for source, part in zip(inputs, parts, strict=True)
    ]
    mapper("filter", _filter_file, tasks, [task.source.num_rows for task in tasks])


def _filter_file(task: _FilterTask) -> None:
    """Write the rows of one file that are kept, with its columns, metadata and compression."""
    task.target.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetFile(task.source.path) as parquet:
        options = _writer_options(parquet.metadata, task.column)
        with pq.ParquetWriter(task.target, parquet.schema_arrow, **options) as writer:
            for group in _kept_groups(parquet, task.is_kept):
                writer.write_table(group, row_group_size=group.num_rows)


def _kept_groups(parquet: pq.ParquetFile, is_kept: npt.NDArray[np.bool_]) -> Iterator[pa.Table]:
    """Yield the rows that are kept, in row groups that memory holds."""
    pending: list[pa.RecordBatch] = []
    num_bytes, first = 0, 0
    for group in range(parquet.num_row_groups):
        for batch in small_batches(parquet, group):
            mask = is_kept[first : first + batch.num_rows]
            first += batch.num_rows
            if not mask.all():
                batch = batch.filter(pa.array(mask))
            pending.append(batch)
            num_bytes += batch.nbytes
            if num_bytes >= GROUP_BYTES:
                yield pa.Table.from_batches(pending)
                pending, num_bytes = [], 0
    if any(batch.num_rows for batch in pending):
        yield pa.Table.from_batches(pending)


def _writer_options(metadata: pq.FileMetaData, text_column: str) -> dict[str, Any]:
    """Return compression and dictionaries as the file has them; texts never need a dictionary."""
    if metadata.num_row_groups == 0:
        return {}
    group = metadata.row_group(0)
    chunks = [group.column(index) for index in range(group.num_columns)]
    codecs = {chunk.path_in_schema: chunk.compression for chunk in chunks}
    dictionaries = [
        chunk.path_in_schema
        for chunk in chunks
        if chunk.has_dictionary_page and chunk.path_in_schema != text_column
    ]
    return {"compression": codecs, "use_dictionary": dictionaries or False, "version": "2.6"}


@dataclass(frozen=True)
class Places:
    """Where a rank lies: the segments of earlier corpora, then the files, one after the other."""

    names: tuple[str, ...]
    starts: Integers

    @staticmethod
    def of(earlier: Earlier, inputs: Sequence[ParquetInput]) -> "Places":
        """Return the places of all documents that were compared."""
        sizes_of = [segment.num_documents for segment in earlier.segments]
        segments = zip(earlier.names, sizes_of, strict=True)
        named = [*segments, *((source.name, source.num_rows) for source in inputs)]
        sizes = np.array([size for _, size in named], np.int64)
        return Places(tuple(name for name, _ in named), np.cumsum(sizes) - sizes)

    def find(self, ranks: Integers) -> tuple[Integers, Integers]:
        """Return for each rank the number of its file, and its row there."""
        files = np.searchsorted(self.starts, ranks, side="right") - 1
        return files, ranks - self.starts[files]


def _as_table(found: Duplicates, places: Places) -> pa.Table:
    """Return the duplicates, REMOVED, in the order of files and rows."""
    columns: list[pa.Array] = []
    for ranks in (found.removed, found.survivor[found.removed]):
        files, rows = places.find(ranks)
        columns += [pa.array(places.names, pa.string()).take(pa.array(files)), pa.array(rows)]
    columns.append(pc.if_else(pa.array(found.is_exact[found.removed]), "exact", "near"))
    columns.append(pa.array(found.similarity[found.removed]))
    return pa.table(columns, schema=REMOVED)


def _write_manifest(
    folder: Path,
    found: Duplicates,
    places: Places,
    inputs: Sequence[ParquetInput],
    hashing: Hashing,
    column: str,
) -> dict[str, Any]:
    documents = (folder / DOCUMENTS_FOLDER / source.name for source in inputs)
    manifest = {
        "kind": DEDUP_KIND,
        "hashing": hashing.model_dump(),
        "column": column,
        **found.figures,
        "clusters": [_located(cluster, places) for cluster in found.figures["clusters"]],
        "files": [
            file_entry(folder, path, num_rows=pq.read_metadata(path).num_rows).model_dump()
            for path in (folder / REMOVED_FILE, *documents)
        ],
    }
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest


def _located(cluster: dict[str, Any], places: Places) -> dict[str, Any]:
    """Return a cluster with files and rows for ranks."""
    located = {}
    for key in ("survivor", "least_similar"):
        files, rows = places.find(np.array([cluster[key]]))
        located[key] = {"file": places.names[files[0]], "row": int(rows[0])}
    return {**cluster, **located}
