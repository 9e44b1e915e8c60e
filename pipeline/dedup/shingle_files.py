"""Shingles of the documents that may be duplicates, in files, so that any can be read again.

Reads texts, or shingles that an index keeps, in the order they are stored in; writes flat files of
uint32. Each file is one task of a mapper; what is in it does not depend on how tasks are mapped.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from pipeline.dedup.shingles import shingles_of
from pipeline.fingerprint import derive_seed
from pipeline.kernels.shingles import Integers, ShortHashes
from pipeline.kernels.survivors import copy_sets
from pipeline.mapping import Mapper
from pipeline.texts import TextFiles

TASK_DOCUMENTS = 5_000
WIDTH = 4  # bytes of a shingle


class ShingleSource(Protocol):
    """Where the shingles of consecutive rows come from; picklable."""

    @property
    def num_rows(self) -> int:
        """How many rows it has."""

    def group_starts(self) -> Integers:
        """Return the rows at which reading may be cut in two at no cost."""

    def read(self, rows: Integers) -> Iterator[tuple[ShortHashes, Integers]]:
        """Yield the shingles of ascending `rows`, as `shingles_of` gives them, in batches."""


def shingle_multiplier(seed: int) -> int:
    """Return the multiplier of shingles' hashes.

    Not that of the bands: documents that were made to collide there do not collide here.
    """
    return derive_seed(seed, "shingles") | 1


@dataclass(frozen=True)
class TextShingles:
    """Shingles made from texts, hashed with a seed."""

    texts: TextFiles
    ngram: int
    seed: int

    @property
    def num_rows(self) -> int:
        """How many texts there are."""
        return sum(self.texts.num_rows)

    def group_starts(self) -> Integers:
        """Return the first row of every row group."""
        return self.texts.group_starts()

    def read(self, rows: Integers) -> Iterator[tuple[ShortHashes, Integers]]:
        """Yield the shingles of the texts of `rows`, a batch at a time."""
        multiplier = shingle_multiplier(self.seed)
        for batch in self.texts.batches(rows):
            yield shingles_of(batch, self.ngram, multiplier)


@dataclass(frozen=True)
class _Task:
    source: ShingleSource
    rows: Integers
    path: Path


@dataclass(frozen=True)
class SpooledSets:
    """The shingles of documents numbered from 0, in the files `paths`.

    Document d lies in file `file[d]`, from hash `starts[d]` on, and has `sizes[d]` hashes.
    """

    paths: tuple[Path, ...]
    file: Integers
    starts: Integers
    sizes: Integers

    def take(self, documents: Integers) -> "SpooledSets":
        """Return some of the documents, in the order given."""
        return SpooledSets(
            self.paths, self.file[documents], self.starts[documents], self.sizes[documents]
        )

    def read(self) -> tuple[ShortHashes, Integers]:
        """Return the hashes of all, end to end, and where each document's begin."""
        ends = np.concatenate(([0], np.cumsum(self.sizes)))
        hashes = np.empty(ends[-1], np.uint32)
        for file in np.unique(self.file[self.sizes > 0]):
            mapped = np.asarray(np.memmap(self.paths[file], np.uint32, "r"))
            own = self.file == file
            copy_sets(mapped, self.starts[own], self.sizes[own], hashes, ends[:-1][own])
        return hashes, ends


def spool_shingles(
    sources: Sequence[ShingleSource], rows: Integers, folder: Path, mapper: Mapper
) -> SpooledSets:
    """Write the shingles of ascending `rows` to files in `folder`.

    A row is a place in all sources together.
    """
    tasks = list(_tasks(sources, rows, folder))
    sizes = mapper("shingles", _spool, tasks, [len(task.rows) for task in tasks])
    file = np.repeat(np.arange(len(tasks)), [len(task.rows) for task in tasks])
    starts = [np.cumsum(each) - each for each in sizes]
    none = np.empty(0, np.int64)
    return SpooledSets(
        tuple(task.path for task in tasks),
        file,
        np.concatenate([none, *starts]),
        np.concatenate([none, *sizes]),
    )


def _tasks(sources: Sequence[ShingleSource], rows: Integers, folder: Path) -> Iterator[_Task]:
    """Yield tasks of about TASK_DOCUMENTS rows; no row group is read for two of them."""
    folder.mkdir()
    first_row, number = 0, 0
    for source in sources:
        low, high = np.searchsorted(rows, (first_row, first_row + source.num_rows))
        own = rows[low:high] - first_row
        first_row += source.num_rows
        for part in _cut(own, source.group_starts()) if len(own) else ():
            yield _Task(source, part, folder / f"{number:06d}")
            number += 1


def _cut(rows: Integers, group_starts: Integers) -> list[Integers]:
    boundaries = np.unique(np.searchsorted(rows, group_starts))
    chosen = np.unique(boundaries // TASK_DOCUMENTS, return_index=True)[1]
    return [part for part in np.split(rows, boundaries[chosen]) if len(part)]


def _spool(task: _Task) -> Integers:
    """Write the shingles of one task; return how many each row has."""
    sizes = [np.empty(0, np.int64)]
    with task.path.open("wb") as stream:
        for hashes, starts in task.source.read(task.rows):
            sizes.append(np.diff(starts))
            stream.write(hashes.data)
    return np.concatenate(sizes)
