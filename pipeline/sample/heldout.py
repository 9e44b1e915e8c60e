"""The held-out documents: set aside in each domain to measure forgetting on, never replayed.

Reads ids; gives rows. Which documents they are follows from seed and ids alone, not from row
order, quotas or budget.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.sample.order import draw_order

MAX_FRACTION_DIVISOR = 10  # never more than a tenth of a domain's documents


def choose_heldout(ids: pa.Array, num_wanted: int, seed: int) -> npt.NDArray[np.int64]:
    """Return the rows of the held-out documents of one domain, ascending."""
    count = min(num_wanted, len(ids) // MAX_FRACTION_DIVISOR)
    return np.sort(draw_order(ids, seed, "heldout")[:count])
