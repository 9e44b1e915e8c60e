"""What there is to say about a deduplication: the S-curve, clusters, and what each source lost.

Reads the survivor and the source of each document, in the order of survival; returns what JSON can
hold.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.kernels.shingles import Integers
from schemas.banding import Banding, found_probability

NUM_CLUSTERS = 20


def s_curve(bands: int, rows: int) -> list[dict[str, float]]:
    """Return the probability that a pair of each Jaccard shares a band."""
    banding = Banding(bands, rows)
    return [
        {"jaccard": place / 40, "probability": round(found_probability(place / 40, banding), 6)}
        for place in range(41)
    ]


def describe_clusters(
    survivor: Integers,
    similarity: npt.NDArray[np.float32],
    source: Integers,
    source_names: Sequence[str],
) -> list[dict[str, Any]]:
    """Return the largest clusters: survivor, size, mean and least Jaccard, documents by source.

    Documents are named by rank; `least_similar` is the member to look at first.
    """
    removed = np.flatnonzero(survivor != np.arange(len(survivor)))
    removed = removed[np.argsort(survivor[removed], kind="stable")]
    heads, starts, sizes = np.unique(survivor[removed], return_index=True, return_counts=True)
    described = []
    for place in np.lexsort((heads, -sizes))[:NUM_CLUSTERS]:
        members = removed[starts[place] : starts[place] + sizes[place]]
        sources, counts = np.unique(source[np.append(members, heads[place])], return_counts=True)
        named = zip((source_names[i] for i in sources), counts.tolist(), strict=True)
        described.append(
            {
                "survivor": int(heads[place]),
                "size": len(members) + 1,
                "mean_jaccard": round(float(similarity[members].mean(dtype=np.float64)), 4),
                "min_jaccard": round(float(similarity[members].min()), 4),
                "least_similar": int(members[np.argmin(similarity[members])]),
                "sources": dict(sorted(named)),
            }
        )
    return described


def count_by_source(
    source: Integers, source_names: Sequence[str], is_removed: npt.NDArray[np.bool_]
) -> dict[str, dict[str, int]]:
    """Return for each source how many documents it gave, and how many of them are duplicates."""
    given = np.bincount(source, minlength=len(source_names))
    lost = np.bincount(source[is_removed], minlength=len(source_names))
    return {
        name: {"candidates": int(given[place]), "duplicates": int(lost[place])}
        for place, name in sorted(enumerate(source_names), key=lambda pair: pair[1])
        if given[place]
    }
