"""Packing: documents of any length into sequences of one length, with little padding.

Takes tokenised documents, gives arrays. Always true: every token of every document appears exactly
once; a sequence's documents are told apart by `segments` and their positions start at 0, so that
attention and positions of a packed document are those of the document alone.
"""

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

PADDING = -1  # the segment of padding; it attends to itself alone


@dataclass(frozen=True)
class Tokenized:
    """A document, or a piece of one: token ids, and which of them the loss is taken on."""

    tokens: Ints  # [length]
    scored: Bools  # [length]; false for the first token, which nothing predicts


@dataclass(frozen=True)
class Packed:
    """`n` sequences of `context` tokens; all arrays are [n, context]."""

    tokens: Ints
    segments: Ints  # 0, 1, … within a sequence; PADDING where there is no token
    positions: Ints  # within the document
    scored: Bools  # the loss-bearing tokens: predicted from the token before

    def __len__(self) -> int:
        return len(self.tokens)

    def select(self, indices: Ints) -> "Packed":
        """Return some of the sequences, in the order of `indices`."""
        return Packed(
            self.tokens[indices],
            self.segments[indices],
            self.positions[indices],
            self.scored[indices],
        )

    def num_scored(self) -> Ints:
        """Return each sequence's number of loss-bearing tokens, [n]."""
        return np.asarray(self.scored.sum(axis=1), np.int64)


def concatenate(parts: Sequence[Packed]) -> Packed:
    """Return the sequences of all parts, one part after the other."""
    return Packed(
        np.concatenate([part.tokens for part in parts]),
        np.concatenate([part.segments for part in parts]),
        np.concatenate([part.positions for part in parts]),
        np.concatenate([part.scored for part in parts]),
    )


def pack(documents: Iterable[Tokenized], context: int, padding_token: int) -> Packed:
    """Pack documents into sequences of `context` tokens.

    Documents longer than the context are cut into pieces first. Pieces are placed by best-fit
    decreasing: longest first, each where it leaves the least room (Ding et al. 2024, "Fewer
    Truncations Improve Language Modeling", arXiv 2404.10830).
    """
    pieces = [piece for document in documents for piece in cut(document, context)]
    bins = best_fit([len(piece.tokens) for piece in pieces], context)
    shape = (len(bins), context)
    packed = Packed(
        tokens=np.full(shape, padding_token, np.int64),
        segments=np.full(shape, PADDING, np.int64),
        positions=np.zeros(shape, np.int64),
        scored=np.zeros(shape, np.bool_),
    )
    for row, members in enumerate(bins):
        start = 0
        for segment, member in enumerate(members):
            piece = pieces[member]
            end = start + len(piece.tokens)
            packed.tokens[row, start:end] = piece.tokens
            packed.segments[row, start:end] = segment
            packed.positions[row, start:end] = np.arange(end - start)
            packed.scored[row, start:end] = piece.scored
            start = end
    return packed


def cut(document: Tokenized, context: int) -> list[Tokenized]:
    """Cut a document into pieces of at most `context` tokens; a piece's first is not scored."""
    pieces = []
    for start in range(0, len(document.tokens), context):
        scored = document.scored[start : start + context].copy()
        scored[0] = False
        pieces.append(Tokenized(document.tokens[start : start + context], scored))
    return pieces


def best_fit(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Return bins of item indices: longest first, each into the fullest bin that has room.

    Ties go to the earlier item and the bin opened last; no bin exceeds `capacity`.
    """
    bins: list[list[int]] = []
    with_room: dict[int, list[int]] = {}  # room left → bins
    rooms: list[int] = []  # keys of `with_room` that have bins, ascending
    for item in sorted(range(len(lengths)), key=lambda index: (-lengths[index], index)):
        position = bisect.bisect_left(rooms, lengths[item])
        if position == len(rooms):
            chosen, room = len(bins), capacity
            bins.append([])
        else:
            room = rooms[position]
            chosen = with_room[room].pop()
            if not with_room[room]:
                del rooms[position]
        bins[chosen].append(item)
        left = room - lengths[item]
        if not with_room.setdefault(left, []):
            bisect.insort(rooms, left)
        with_room[left].append(chosen)
    return bins
