"""What there is to say about a deduplication: the S-curve, clusters, and what each source lost.

Reads candidates in the order of survival and the survivor of each; returns what JSON can hold.
"""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

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
    ranked: pa.Table, survivor: Integers, similarity: npt.NDArray[np.float32]
) -> list[dict[str, Any]]:
    """Return the largest clusters: survivor, size, mean and least Jaccard, documents by source.

    `least_similar` is the member to look at first. Columns read: id, source.
    """
    removed = np.flatnonzero(survivor != np.arange(len(survivor)))
    removed = removed[np.argsort(survivor[removed], kind="stable")]
    heads, starts, sizes = np.unique(survivor[removed], return_index=True, return_counts=True)
    described = []
    for place in np.lexsort((heads, -sizes))[:NUM_CLUSTERS]:
        members = removed[starts[place] : starts[place] + sizes[place]]
        least = members[np.argmin(similarity[members])]
        sources = ranked["source"].take(pa.array([heads[place], *members])).to_pylist()
        described.append(
            {
                "survivor": ranked["id"][int(heads[place])].as_py(),
                "size": len(members) + 1,
                "mean_jaccard": round(float(similarity[members].mean(dtype=np.float64)), 4),
                "min_jaccard": round(float(similarity[least]), 4),
                "least_similar": ranked["id"][int(least)].as_py(),
                "sources": dict(sorted(Counter(sources).items())),
            }
        )
    return described


def count_by_source(ranked: pa.Table, survivor: Integers) -> dict[str, dict[str, int]]:
    """Return for each source how many candidates it gave, and how many of them are duplicates."""
    is_removed = survivor != np.arange(len(survivor))
    counted = (
        pa.table({"source": ranked["source"], "removed": is_removed.astype(np.int64)})
        .group_by("source")
        .aggregate([("removed", "count"), ("removed", "sum")])
        .sort_by("source")
    )
    return {
        row["source"]: {"candidates": row["removed_count"], "duplicates": row["removed_sum"]}
        for row in counted.to_pylist()
    }
