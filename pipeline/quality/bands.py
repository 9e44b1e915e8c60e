"""Quality bands: each domain's tokens parted by score, and bands that nothing is wanted of dropped.

Reads the census; returns it with the column `quality_band` for documents about which nothing is
decided yet. Always true: bands count from 0, lowest scores first; what lies below an edge holds no
more than that share of its domain's tokens, and with the next document it would; equal scores go by
id, so that neither shards nor workers change anything; a document without a score is in no band.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.census import CENSUS, decide, evidence_of, undecided

NO_BAND = -1
Bands = npt.NDArray[np.int8]


def assign_bands(census: pa.Table, edges: Sequence[float]) -> pa.Table:
    """Return the census with the band of every undecided document; without edges, as it is."""
    if not edges:
        return census
    rows = np.flatnonzero(pc.is_null(census["decision"]).to_numpy())
    bands = np.full(census.num_rows, NO_BAND, np.int8)
    candidates = undecided(census, ["id", "domain", "quality", "num_tokens"])
    bands[rows] = quality_bands(candidates, edges)
    column = pa.array(bands, pa.int8(), mask=bands == NO_BAND)
    return census.set_column(
        CENSUS.get_field_index("quality_band"), CENSUS.field("quality_band"), column
    )


def quality_bands(candidates: pa.Table, edges: Sequence[float]) -> Bands:
    """Return the band of each candidate among those of its domain, NO_BAND without a score."""
    bands = np.full(candidates.num_rows, NO_BAND, np.int8)
    domains = candidates["domain"].combine_chunks().dictionary_encode().indices
    ranked = candidates.select(["quality", "id"]).add_column(0, "domain", domains)
    keys = [(name, "ascending") for name in ranked.column_names]
    order = pc.sort_indices(ranked, sort_keys=keys).to_numpy()
    order = order[pc.is_valid(candidates["quality"]).to_numpy()[order]]
    tokens = candidates["num_tokens"].to_numpy()
    starts = np.flatnonzero(np.diff(domains.to_numpy()[order], prepend=-1))
    for rows in np.split(order, starts[1:]):
        cumulative = np.cumsum(tokens[rows])
        limits = np.array(edges) * (cumulative[-1] if len(rows) else 0)
        bands[rows] = np.searchsorted(limits, cumulative, side="left")
    return bands


def drop_bands(census: pa.Table, shares: Mapping[str, Sequence[float]]) -> pa.Table:
    """Return the census without the undecided documents of bands whose share is 0."""
    candidates = undecided(census, ["id", "domain", "quality", "quality_band"])
    is_unwanted = np.zeros(candidates.num_rows, np.bool_)
    for domain, of_bands in shares.items():
        bands = pa.array([band for band, share in enumerate(of_bands) if share == 0], pa.int8())
        is_in_band = pc.is_in(candidates["quality_band"], value_set=bands)
        is_unwanted |= pc.and_(pc.equal(candidates["domain"], domain), is_in_band).to_numpy()
    dropped = candidates.filter(pa.array(is_unwanted))
    facts = dropped.select(["quality", "quality_band"])
    decisions = pa.table(
        {
            "id": dropped["id"],
            "decision": pa.repeat("dropped", dropped.num_rows),
            "reason": pa.repeat("quality_band_not_wanted", dropped.num_rows),
            "evidence": evidence_of(
                facts, lambda row: {**row, "quality": round(row["quality"], 4)}
            ),
        }
    )
    return decide(census, decisions, "quality")
