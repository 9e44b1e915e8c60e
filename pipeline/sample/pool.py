"""The documents of each domain: which can be drawn, in which order, and which are held out.

Reads candidates (id, domain, num_tokens); gives pools of rows. Always true: a document with tokens
is in one pool, either to draw from or held out; what is in a pool, and in which order, does not
depend on the order of the candidates' rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import IntegrityError
from pipeline.sample.heldout import choose_heldout
from pipeline.sample.order import draw_order
from schemas.domain import DOMAINS

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pool:
    """The documents of one domain: those to draw from, in drawing order, and those held out."""

    rows: Rows
    num_tokens: Rows
    heldout: Rows

    @property
    def num_available(self) -> int:
        """Tokens to draw from, counted once."""
        return int(self.num_tokens.sum())

    def num_taken(self, copies: npt.NDArray[np.int32] | npt.NDArray[np.bool_]) -> int:
        """Return the tokens of so many copies of each document to draw from."""
        return int(self.num_tokens @ copies)


def check_candidates(candidates: pa.Table) -> None:
    """Raise IntegrityError for an id given twice or an unknown domain."""
    ids = candidates.column("id")
    if pc.count_distinct(ids).as_py() != len(ids):
        counts = ids.value_counts()
        twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
        raise IntegrityError(f"document {pc.min(twice).as_py()} stands twice among the candidates")
    unknown = sorted(set(pc.unique(candidates.column("domain")).to_pylist()) - set(DOMAINS))
    if unknown:
        raise IntegrityError(f"candidates of unknown domains: {', '.join(unknown)}")


def make_pools(
    candidates: pa.Table, target: Mapping[str, float], num_heldout: int, seed: int
) -> dict[str, Pool]:
    """Return the pool of each domain of the target or the candidates, in the order of DOMAINS.

    Documents without tokens are in no pool. Nothing is held out of a domain without a share.
    """
    ids = candidates.column("id").cast(pa.large_string()).combine_chunks()
    domains = candidates.column("domain").combine_chunks()
    num_tokens = candidates.column("num_tokens").to_numpy()
    pools = {}
    for domain in DOMAINS:
        found = pc.equal(domains, domain).to_numpy(zero_copy_only=False)
        if domain in target or found.any():
            rows = np.flatnonzero(found & (num_tokens > 0))
            wanted = num_heldout if target.get(domain, 0.0) > 0 else 0
            pools[domain] = _make_pool(rows, ids.take(pa.array(rows)), num_tokens, wanted, seed)
    return pools


def _make_pool(rows: Rows, ids: pa.Array, num_tokens: Rows, num_heldout: int, seed: int) -> Pool:
    heldout = choose_heldout(ids, num_heldout, seed)
    order = draw_order(ids, seed, "sample")
    drawable = rows[order[~np.isin(order, heldout)]]
    return Pool(drawable, num_tokens[drawable], rows[heldout])
