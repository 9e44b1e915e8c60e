"""Which documents are duplicates, of whom, and how similar the two really are.

Reads documents in the order of survival: their content, band hashes, and the shingles of those that
share a bucket. Always true: every duplicate's survivor is itself kept; a near-duplicate's Jaccard
was measured and is at least `min_jaccard`; the result does not depend on how work is shared out.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.dedup.band_file import BandFile
from pipeline.dedup.figures import count_by_source, describe_clusters, s_curve
from pipeline.dedup.near import Floats, find_near_duplicates
from pipeline.dedup.shingle_files import ShingleSource
from pipeline.kernels.buckets import first_of_equal
from pipeline.kernels.shingles import Hashes, Integers
from pipeline.mapping import Mapper
from schemas.recipe import Dedup


@dataclass(frozen=True)
class Ranked:
    """Documents in the order of survival, best first. Shape (documents,) each.

    `rows`: int64, where bands and shingles find each; `content`: uint64, shape (documents, 2),
    equal for equal texts; the first `num_fixed` are of earlier builds and stay.
    `source`: int64, an index into `source_names`.
    """

    rows: Integers
    content: Hashes
    source: Integers
    source_names: Sequence[str]
    num_fixed: int = 0


@dataclass(frozen=True)
class Duplicates:
    """For each rank its survivor (itself if it survives) and their Jaccard; figures.

    `is_exact`: whether the survivor has the same text. Clusters in the figures name ranks.
    """

    survivor: Integers
    similarity: Floats
    is_exact: npt.NDArray[np.bool_]
    figures: dict[str, Any]

    @property
    def removed(self) -> Integers:
        """The ranks that do not survive, ascending."""
        return np.flatnonzero(self.survivor != np.arange(len(self.survivor)))


def find_duplicates(
    ranked: Ranked,
    bands: BandFile,
    sources: Sequence[ShingleSource],
    config: Dedup,
    mapper: Mapper,
    scratch: Path,
) -> Duplicates:
    """Find exact and near-duplicates.

    `bands` are those of all rows, `sources` give the shingles of all rows. `scratch` is a folder
    for what memory does not hold; nothing is left in it.
    """
    survivor = first_of_equal(ranked.content)
    survivor[: ranked.num_fixed] = np.arange(ranked.num_fixed)
    similarity = np.ones(len(survivor), np.float32)
    unique = np.flatnonzero(survivor == np.arange(len(survivor)))
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        near = find_near_duplicates(
            bands, ranked.rows[unique], ranked.num_fixed, sources, config, mapper, Path(folder)
        )
    survivor[unique] = unique[near.survivor]
    similarity[unique] = near.similarity
    _follow(survivor, similarity)
    is_exact = (ranked.content == ranked.content[survivor]).all(axis=1)
    figures = _figures(ranked, survivor, similarity, is_exact, config, near.counts)
    return Duplicates(survivor, similarity, is_exact, figures)


def _follow(survivor: Integers, similarity: Floats) -> None:
    """Point copies of a removed document to that document's own survivor, at its similarity.

    One step is enough: an exact copy's survivor is unique, and a unique document's survivor kept.
    """
    onward = survivor[survivor]
    moved = onward != survivor
    similarity[moved] = similarity[survivor[moved]]
    survivor[:] = onward


def _figures(
    ranked: Ranked,
    survivor: Integers,
    similarity: Floats,
    is_exact: npt.NDArray[np.bool_],
    config: Dedup,
    counts: dict[str, int],
) -> dict[str, Any]:
    is_removed = survivor != np.arange(len(survivor))
    own = {
        "num_candidates": len(survivor) - ranked.num_fixed,
        "num_exact": int((is_removed & is_exact).sum()),
        "num_near": int((is_removed & ~is_exact).sum()),
    }
    new = slice(ranked.num_fixed, None)
    return {
        "parameters": config.model_dump(mode="json", exclude={"enabled", "memory_limit", "lines"}),
        "counts": own | counts,
        "s_curve": s_curve(config.bands, config.rows),
        "clusters": describe_clusters(survivor, similarity, ranked.source, ranked.source_names),
        "by_source": count_by_source(ranked.source[new], ranked.source_names, is_removed[new]),
    }
