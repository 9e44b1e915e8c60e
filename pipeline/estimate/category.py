"""Text of one category, thinned out evenly where there is more than is wanted.

Always true: at most twice `max_bytes` is in memory; the same texts in the same order give the same
portions; portions stand in the order in which they were read.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

PORTION_CHARACTERS = 16_000
MAX_SEARCH = 1_000  # characters: a portion ends at a space, where there is one so near


class Portion(NamedTuple):
    """A stretch of a document; the smaller its key, the longer it stays."""

    key: float
    text: str
    num_bytes: int


class Category:
    """Text of one kind: `add` documents, then take the `portions`."""

    def __init__(self, name: str, max_bytes: int, domain: str | None = None) -> None:
        self.name, self.max_bytes, self.domain = name, max_bytes, domain
        self.num_bytes_read = 0
        self.refused: Counter[str] = Counter()  # records that could not be read, by reason
        self._held: list[Portion] = []
        self._num_bytes_held = 0
        self._limit = 1.0
        self._keys = random.Random(0)  # noqa: S311  (which portions stay is no secret)

    def add(self, text: str) -> None:
        """Add the text of a document."""
        for portion in _portions(text):
            num_bytes = len(portion.encode())
            self.num_bytes_read += num_bytes
            key = self._keys.random()
            if key < self._limit:
                self._held.append(Portion(key, portion, num_bytes))
                self._num_bytes_held += num_bytes
        if self._num_bytes_held > 2 * self.max_bytes:
            self._held = _thinned(self._held, self.max_bytes)
            self._num_bytes_held = sum(portion.num_bytes for portion in self._held)
            self._limit = max(portion.key for portion in self._held)

    @property
    def portions(self) -> list[str]:
        """The text that stays, at most `max_bytes` of it but for the first portion."""
        return [portion.text for portion in _thinned(self._held, self.max_bytes)]


def _portions(text: str) -> Iterator[str]:
    """Yield a text in portions that end before a space."""
    start = 0
    while len(text) - start > PORTION_CHARACTERS + MAX_SEARCH:
        least = start + PORTION_CHARACTERS
        end = text.find(" ", least, least + MAX_SEARCH)
        end = end if end > 0 else least
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]


def _thinned(portions: Sequence[Portion], max_bytes: int) -> list[Portion]:
    """Return the portions of the smallest keys that fit into `max_bytes`, in their order."""
    if sum(portion.num_bytes for portion in portions) <= max_bytes:
        return list(portions)
    total, limit = 0, 0.0
    for portion in sorted(portions):
        total += portion.num_bytes
        if total > max_bytes and limit:
            break
        limit = portion.key
    return [portion for portion in portions if portion.key <= limit]
