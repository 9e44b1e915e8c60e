"""The held-out documents: set aside in each domain to measure forgetting on, never replayed.

Reads ids; gives rows. Which documents they are follows from seed and ids alone, not from row
order, quotas or budget.
"""

import numpy as np
import pyarrow as pa

from pipeline.sample.order import Keys, Rows, in_draw_order

MAX_FRACTION_DIVISOR = 10  # never more than a tenth of a domain's documents


def choose_heldout(rows: Rows, keys: Keys, ids: pa.ChunkedArray, num_wanted: int) -> Rows:
    """Return the held-out ones among the `rows` of one domain, ascending.

    `keys` (drawn for "heldout") and `ids` are those of all rows.
    """
    count = min(num_wanted, len(rows) // MAX_FRACTION_DIVISOR)
    return np.sort(in_draw_order(rows, keys, ids)[:count])
