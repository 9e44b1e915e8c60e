"""The quality stage: bands for the documents that are left, and what the draw made of each band.

Reads the census and what is wanted of bands; returns the census with bands, without those of which
nothing is wanted, and figures for manifest and report. Comes after duplicates and repeated lines
are gone, so that bands part the tokens that can be exported.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.census import undecided
from pipeline.quality.bands import assign_bands, drop_bands
from pipeline.quality.wanted import SharesByDomain, Wanted, wanted_shares
from schemas.domain import DOMAINS

SCORED = ["domain", "quality", "quality_band", "num_tokens"]
DIGITS = 6  # of every rounded figure


class Banded(NamedTuple):
    """The census with bands, and the shares wanted of them by domain."""

    census: pa.Table
    shares: SharesByDomain


def apply_bands(census: pa.Table, wanted: Wanted) -> Banded:
    """Return the census with a band for every undecided document, and unwanted bands dropped."""
    census = assign_bands(census, wanted.edges)
    shares = wanted_shares(wanted, undecided(census, SCORED))
    return Banded(drop_bands(census, shares), shares)


def band_figures(dispositions: pa.Table, wanted: Wanted, shares: SharesByDomain) -> dict[str, Any]:
    """Return edges, origin and, by domain, what each band held and gave; empty without bands.

    `dispositions`: the census once the sample is drawn.
    """
    if not wanted.edges:
        return {}
    banded = dispositions.filter(pc.is_valid(dispositions["quality_band"]))
    present = set(pc.unique(banded["domain"]).to_pylist())
    return {
        "edges": list(wanted.edges),
        **_origin(wanted),
        "domains": {
            domain: _domain_figures(
                banded.filter(pc.equal(banded["domain"], domain)),
                len(wanted.edges) + 1,
                shares.get(domain),
            )
            for domain in DOMAINS
            if domain in present
        },
    }


def _origin(wanted: Wanted) -> dict[str, Any]:
    if wanted.cut is not None:
        return {"cut": wanted.cut.model_dump(mode="json", exclude={"shares", "bands"})}
    if wanted.sample is not None:
        num_tokens = pc.sum(wanted.sample["num_tokens"]).as_py()
        return {"match": {"num_texts": dict(wanted.num_texts), "num_tokens": num_tokens}}
    return {}


def _domain_figures(
    rows: pa.Table, num_bands: int, shares: tuple[float, ...] | None
) -> dict[str, Any]:
    bands, tokens = rows["quality_band"].to_numpy(), rows["num_tokens"].to_numpy()
    scores, taken = rows["quality"].to_numpy(), tokens * rows["copies"].to_numpy()
    return {
        "shares": None if shares is None else [round(share, DIGITS) for share in shares],
        "bands": [
            _figures_of(scores[bands == band], tokens[bands == band], taken[bands == band])
            for band in range(num_bands)
        ],
    }


def _figures_of(scores: Any, tokens: Any, taken: Any) -> Mapping[str, Any]:
    has_any = len(scores) > 0
    return {
        "num_documents": len(scores),
        "num_tokens": int(tokens.sum()),
        "min_quality": round(float(scores.min()), DIGITS) if has_any else None,
        "max_quality": round(float(scores.max()), DIGITS) if has_any else None,
        "num_documents_taken": int(np.count_nonzero(taken)),
        "num_tokens_taken": int(taken.sum()),
    }
