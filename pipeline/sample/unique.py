"""Whether an id stands twice among the candidates, in bounded memory.

Reads 64-bit keys of ids, batch by batch; keeps them in parts by their first bits, each in memory
while it is small and in a temporary file from then on (8 bytes a candidate, in the system's folder
for such files). Keys that are equal are rare, and their ids are then compared.
"""

import tempfile
from contextlib import ExitStack
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import IntegrityError
from pipeline.sample.cells import Batches
from pipeline.sample.order import Keys, draw_keys

NUM_PARTS = 64
MAX_PART_BYTES = 1 << 21  # of a part that stays in memory


class KeyParts:
    """Keys of ids, kept apart by their first bits."""

    def __enter__(self) -> "KeyParts":
        """Open the parts, which are empty."""
        self._stack = ExitStack()
        files = (tempfile.SpooledTemporaryFile(MAX_PART_BYTES) for _ in range(NUM_PARTS))  # noqa: SIM115
        self._parts = [self._stack.enter_context(file) for file in files]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the parts."""
        self._stack.close()

    def add(self, keys: Keys) -> None:
        """Keep more keys."""
        numbers = (keys >> np.uint64(58)).astype(np.uint8)
        ordered = keys[np.argsort(numbers, kind="stable")]
        ends = np.cumsum(np.bincount(numbers, minlength=NUM_PARTS))
        for part, own in zip(self._parts, np.split(ordered, ends[:-1]), strict=True):
            part.write(own.tobytes())

    def repeated(self) -> Keys:
        """Return the keys that were added more than once, ascending."""
        found = []
        for part in self._parts:
            part.seek(0)
            keys = np.sort(np.frombuffer(part.read(), np.uint64))
            found.append(np.unique(keys[1:][keys[1:] == keys[:-1]]))
        return np.concatenate(found)


def unique_keys(ids: pa.Array) -> Keys:
    """Return the keys by which ids are looked for twice."""
    return draw_keys(ids, 0, "unique")


def refuse_repeated_ids(batches: Batches, repeated: Keys) -> None:
    """Raise IntegrityError where candidates with `repeated` keys have one id, not only one key."""
    if not len(repeated):
        return
    suspects = []
    for batch in batches():
        ids = batch.column("id")
        suspects.append(ids.filter(pa.array(np.isin(unique_keys(ids), repeated))))
    counts = pc.value_counts(pa.chunked_array(suspects))
    twice = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        raise IntegrityError(f"document {pc.min(twice).as_py()} stands twice among the candidates")
