"""The held-out documents: set aside in each domain to measure forgetting on, never replayed.

Reads ids, batch by batch; gives the ids held out, and finds them and the copies of their texts
again. Which documents they are follows from seed and ids alone, not from row order, quotas or
budget. In memory are at most some multiples of the documents wanted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.sample.order import Keys, Rows, draw_keys, in_draw_order
from schemas.document import CONTENT_DIGITS

MAX_FRACTION_DIVISOR = 10  # never more than a tenth of a domain's documents
NUMBER_BITS = 20  # by which texts that may be held out are told from those that are not
MIN_PRUNED = 10_000  # documents kept before those that cannot be chosen any more are forgotten
Mask = npt.NDArray[np.bool_]


class HeldOutChoice:
    """Chooses the held-out documents of one domain: those first in order of keys and ids."""

    def __init__(self, num_wanted: int) -> None:
        """Begin without documents."""
        self._num_wanted = num_wanted
        self._num_seen = 0
        self._ids: list[pa.Array] = []
        self._keys: list[Keys] = []
        self._num_kept = 0
        self._last = np.uint64(2**64 - 1)  # whatever comes behind this key is not chosen

    def add(self, ids: pa.Array, keys: Keys, rows: Rows) -> None:
        """Offer the documents in some of the rows; `keys` are drawn for "heldout"."""
        self._num_seen += len(rows)
        if not self._num_wanted:
            return
        near = rows[keys[rows] <= self._last]
        self._ids.append(ids.take(pa.array(near)))
        self._keys.append(keys[near])
        self._num_kept += len(self._keys[-1])
        if self._num_kept > 2 * self._num_wanted + MIN_PRUNED:
            self._prune()

    def _prune(self) -> None:
        ids = pa.concat_arrays([pa.array([], pa.string()), *self._ids])
        keys = np.concatenate([np.empty(0, np.uint64), *self._keys])
        first = in_draw_order(np.arange(len(keys)), keys, ids)[: self._num_wanted]
        self._ids, self._keys = [ids.take(pa.array(first))], [keys[first]]
        self._num_kept = len(first)
        if len(first) == self._num_wanted:
            self._last = self._keys[0][-1]

    def chosen(self) -> pa.Array:
        """Return the ids held out."""
        count = min(self._num_wanted, self._num_seen // MAX_FRACTION_DIVISOR)
        if not count:
            return pa.array([], pa.string())
        self._prune()
        return self._ids[0][:count]


@dataclass(frozen=True)
class HeldOut:
    """The ids held out, by domain."""

    ids: Mapping[str, pa.Array]

    def find(self, ids: pa.Array) -> tuple[Rows, Mask]:
        """Return the rows that are held out or have the text of one that is, and which are held."""
        near = np.flatnonzero(self._is_near[_prefix_numbers(ids)])
        suspects = ids.take(pa.array(near))
        is_text = pc.is_in(_prefixes(suspects), _prefixes(self._all))
        rows = near[is_text.to_numpy(zero_copy_only=False)]
        is_held = pc.is_in(ids.take(pa.array(rows)), self._all)
        return rows, is_held.to_numpy(zero_copy_only=False)

    @cached_property
    def _all(self) -> pa.Array:
        return pa.concat_arrays([pa.array([], pa.string()), *self.ids.values()])

    @cached_property
    def _is_near(self) -> Mask:
        is_near = np.zeros(1 << NUMBER_BITS, np.bool_)
        is_near[_prefix_numbers(self._all)] = True
        return is_near


def _prefixes(ids: pa.Array) -> pa.Array:
    return pc.utf8_slice_codeunits(ids, 0, CONTENT_DIGITS)


def _prefix_numbers(ids: pa.Array) -> Keys:
    """Return small numbers, equal where prefixes are (of so many bytes: no more than signs)."""
    return draw_keys(ids, 0, "content", CONTENT_DIGITS) >> np.uint64(64 - NUMBER_BITS)
