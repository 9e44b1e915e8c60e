"""JSON text → a value: bounded in depth, and tolerant of numbers that are none.

Always true: what is refused does not depend on how deep the caller's own stack is, as it would by
Python's recursion limit, so every kind of worker refuses the same values.
"""

import json
from typing import Any

MAX_DEPTH = 100


class _Decoder(json.JSONDecoder):
    """Raises ValueError, never RecursionError, for a value that is nested too deeply."""

    def raw_decode(self, s: str, idx: int = 0) -> tuple[Any, int]:
        try:
            value, end = super().raw_decode(s, idx)
        except RecursionError:
            raise ValueError(f"nested more than {MAX_DEPTH} deep") from None
        if _depth(value) > MAX_DEPTH:
            raise ValueError(f"nested more than {MAX_DEPTH} deep")
        return value, end


def _depth(value: Any) -> int:
    """Return how many objects and lists lie one in the other, level by level."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        level = [x for item in level for x in (item.values() if isinstance(item, dict) else item)]
        depth += 1
    return depth


# NaN and Infinity are no JSON, but written by many; they become null.
DECODER = _Decoder(parse_constant=lambda _: None)
