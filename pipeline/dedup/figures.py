"""What there is to say about a deduplication: the S-curve, and the largest clusters."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

NUM_CLUSTERS = 20
EXCERPT_CHARACTERS = 300

Integers = npt.NDArray[np.int64]


def s_curve(bands: int, rows: int) -> list[dict[str, float]]:
    """Return the probability that a pair of each Jaccard shares a band: 1 − (1 − jʳ)ᵇ."""
    points = np.linspace(0, 1, 41)
    found = 1 - (1 - points**rows) ** bands
    return [
        {"jaccard": round(float(j), 3), "probability": round(float(p), 6)}
        for j, p in zip(points, found, strict=True)
    ]


def describe_clusters(
    ranked: pa.Table,
    survivor: Integers,
    similarity: npt.NDArray[np.float32],
    read_texts: Callable[[Integers], pa.Array],
) -> list[dict[str, Any]]:
    """Return the largest clusters: survivor, size, mean and least Jaccard, sources, excerpts.

    Columns of `ranked` read: id, source. The second excerpt is of the least similar member.
    """
    removed = np.flatnonzero(survivor != np.arange(len(survivor)))
    kept, sizes = np.unique(survivor[removed], return_counts=True)
    largest = kept[np.lexsort((kept, -sizes))][:NUM_CLUSTERS]
    described = []
    for head in largest:
        members = removed[survivor[removed] == head]
        furthest = members[np.lexsort((members, similarity[members]))][0]
        sources = ranked["source"].take(pa.array([head, *members])).value_counts().to_pylist()
        excerpts = read_texts(np.array([head, furthest], np.int64)).to_pylist()
        described.append(
            {
                "survivor": ranked["id"][int(head)].as_py(),
                "size": len(members) + 1,
                "mean_jaccard": round(float(similarity[members].mean()), 4),
                "min_jaccard": round(float(similarity[members].min()), 4),
                "sources": {row["values"]: row["counts"] for row in sources},
                "excerpt": excerpts[0][:EXCERPT_CHARACTERS],
                "member": ranked["id"][int(furthest)].as_py(),
                "member_excerpt": excerpts[1][:EXCERPT_CHARACTERS],
            }
        )
    return described
