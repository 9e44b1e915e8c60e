"""The text of a build: shards in a global shuffle, and held-out files by domain.

Reads the input shards and what was decided; writes shards/ and heldout/. Out of core: every input
shard is read once and scattered by ranges of the shuffle key, then every finished file is gathered
from the ranges it needs. The bytes do not depend on the mapper or on the order of the input.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.export.gather import GatherTask, Group, gather
from pipeline.export.order import bucket_of, cut, even_limit
from pipeline.export.scatter import (
    CHOICE,
    KEY_AND_SIZE,
    Scattered,
    ScatterTask,
    bucket_group,
    heldout_group,
    scatter,
)
from pipeline.fingerprint import derive_seed
from pipeline.mapping import Mapper
from pipeline.output import HELDOUT_FOLDER, SHARDS_FOLDER
from pipeline.parquet import write_table
from pipeline.shard import Shard
from schemas.domain import DOMAINS
from schemas.manifest import FileEntry
from schemas.recipe import Output

MAX_BUCKETS = 256
BUCKET_BYTES = 128 << 20  # of text: what one worker holds of a finished file

Batches = dict[str, list[tuple[Path, tuple[int, ...]]]]  # by group: files, and batches of each


def export_shards(
    shards: Sequence[Shard],
    dispositions: pa.Table,
    output: Output,
    seed: int,
    directory: Path,
    mapper: Mapper,
    scratch: Path,
) -> list[FileEntry]:
    """Write shards/ and heldout/ below `directory`; return their entries, in order of path.

    `dispositions`: a row per document in the order of `shards`, with CHOICE's columns.
    `scratch`: an empty folder for the scattered rows; as large as the kept text, compressed.
    """
    num_buckets = count_buckets(shards, output.max_shard_bytes)
    tasks = _scatter_tasks(shards, dispositions, derive_seed(seed, "shuffle"), num_buckets, scratch)
    weights = [task.shard.num_text_bytes for task in tasks]
    scattered = mapper("export: scatter", scatter, tasks, weights)
    batches = _batches_by_group(scattered)
    sizes = _sizes_in_order(scattered)
    gathers = [
        *_heldout_tasks(batches, output, directory),
        *_shard_tasks(batches, sizes, num_buckets, output, directory),
    ]
    even = [1] * len(gathers)
    return sorted(mapper("export: gather", gather, gathers, even), key=lambda entry: entry.path)


def count_buckets(shards: Sequence[Shard], max_shard_bytes: int) -> int:
    """Return into how many key ranges to scatter, so that each is of a size to sort in memory."""
    num_bytes = sum(shard.num_text_bytes for shard in shards)
    return min(MAX_BUCKETS, max(1, math.ceil(num_bytes / min(max_shard_bytes, BUCKET_BYTES))))


def _scatter_tasks(
    shards: Sequence[Shard], dispositions: pa.Table, seed: int, num_buckets: int, scratch: Path
) -> list[ScatterTask]:
    """Return a task for each shard that has documents, with its part of the dispositions."""
    choices = dispositions.select(CHOICE.names)
    tasks, start = [], 0
    for index, shard in enumerate(shards):
        part = choices.slice(start, shard.num_documents)
        start += shard.num_documents
        if not part.num_rows:
            continue
        stem = scratch / f"{index:06d}"
        write_table(stem.with_suffix(".choices.parquet"), part.cast(CHOICE).combine_chunks())
        tasks.append(
            ScatterTask(
                shard=shard,
                choices=stem.with_suffix(".choices.parquet"),
                rows=stem.with_suffix(".rows.arrow"),
                sizes=stem.with_suffix(".sizes.npy"),
                seed=seed,
                num_buckets=num_buckets,
            )
        )
    return tasks


def _batches_by_group(scattered: Iterable[Scattered]) -> Batches:
    found: Batches = defaultdict(list)
    for piece in scattered:
        indices: dict[str, list[int]] = defaultdict(list)
        for index, group in enumerate(piece.groups):
            indices[group].append(index)
        for group, members in indices.items():
            found[group].append((piece.rows, tuple(members)))
    return found


def _sizes_in_order(scattered: Sequence[Scattered]) -> npt.NDArray[np.void]:
    """Return key and text size of every row of the shards, in ascending order of key."""
    parts = [np.empty(0, KEY_AND_SIZE), *(np.load(piece.sizes) for piece in scattered)]
    sizes = np.concatenate(parts)
    return sizes[np.argsort(sizes["key"], kind="stable")]


def _heldout_tasks(batches: Batches, output: Output, directory: Path) -> list[GatherTask]:
    return [
        GatherTask(
            directory=directory,
            path=f"{HELDOUT_FOLDER}/{domain}.parquet",
            groups=(tuple(batches[heldout_group(domain)]),),
            sort_by=("id",),
            compression=output.compression,
        )
        for domain in DOMAINS
        if heldout_group(domain) in batches
    ]


def _shard_tasks(
    batches: Batches,
    sizes: npt.NDArray[np.void],
    num_buckets: int,
    output: Output,
    directory: Path,
) -> list[GatherTask]:
    limit = even_limit(sizes["num_bytes"], output.max_shard_bytes)
    starts = [start for start, _ in cut(sizes["num_bytes"], limit)]
    first_keys = [0, *(int(sizes["key"][start]) for start in starts[1:])]
    end_keys = [*first_keys[1:], None]
    return [
        GatherTask(
            directory=directory,
            path=f"{SHARDS_FOLDER}/anchor-{index:05d}-of-{len(starts):05d}.parquet",
            groups=_groups_between(batches, first, end, num_buckets),
            sort_by=("key", "id", "copy"),
            compression=output.compression,
            min_key=first,
            end_key=end,
        )
        for index, (first, end) in enumerate(zip(first_keys[: len(starts)], end_keys, strict=False))
    ]


def _groups_between(
    batches: Batches, first: int, end: int | None, num_buckets: int
) -> tuple[Group, ...]:
    """Return the key ranges that overlap the keys from `first` to below `end`, in their order."""
    last = 2**64 - 1 if end is None else max(first, end - 1)
    low, high = bucket_of(np.array([first, last], np.uint64), num_buckets).tolist()
    names = [bucket_group(bucket) for bucket in range(low, high + 1)]
    return tuple(tuple(batches[name]) for name in names if name in batches)
