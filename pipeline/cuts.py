"""Cuts: whole lines left out of a text, and what that does to the spans found in it.

Pure: text and spans in, text and spans out, all in code points. What counts tokens and what exports
text use the same functions, so that the figures hold for the text that is written. Always true of
a text in the project's form (`pipeline.normalize.text`): what is left is in that form too, with no
more than one blank line where a cut was.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TypedDict

import numpy as np

from pipeline.pii.masking import Span, mask


class Cut(TypedDict):
    """A piece of a text that is left out: `start` inclusive, `end` exclusive."""

    start: int
    end: int


def cuts_of_lines(text: str, lines: Sequence[tuple[int, int]]) -> list[Cut]:
    """Return what to cut so that `lines` go, and blank lines that would stand beside others.

    `lines`: start and end of whole lines, newline included, ascending.
    """
    cuts: list[Cut] = []
    before = ""  # the last two characters of what is kept
    for start, end in lines:
        done = cuts[-1]["end"] if cuts else 0
        before = (before + text[max(done, start - 2) : start])[-2:]
        if before in ("", "\n\n"):
            end = _end_of_newlines(text, end)
        if cuts and start <= done:
            cuts[-1]["end"] = end
        else:
            cuts.append(Cut(start=start, end=end))
    return _without_last_newlines(text, cuts)


def _end_of_newlines(text: str, position: int) -> int:
    while text.startswith("\n", position):
        position += 1
    return position


def _without_last_newlines(text: str, cuts: list[Cut]) -> list[Cut]:
    """Return the cuts; where they take the end of the text, without newlines before it."""
    while cuts and cuts[-1]["end"] == len(text):
        last = cuts.pop()
        done = cuts[-1]["end"] if cuts else 0
        start = done + len(text[done : last["start"]].rstrip("\n"))
        if not cuts or start > done:
            return [*cuts, Cut(start=start, end=len(text))]
        cuts[-1]["end"] = len(text)
    return cuts


def in_code_points(text: str, positions: Sequence[int]) -> list[int]:
    """Return positions in a text's UTF-8 bytes, each where a character begins, in code points."""
    if text.isascii():
        return list(positions)
    data = np.frombuffer(text.encode(), np.uint8)
    begins = np.concatenate(([0], np.cumsum((data & 0xC0) != 0x80)))
    return [int(begins[position]) for position in positions]


def without(text: str, spans: Sequence[Span], cuts: Sequence[Cut]) -> tuple[str, list[Span]]:
    """Return the text without the cuts, and where the spans stand in it.

    A span that a cut takes is gone; of one that reaches out of it, that part is left.
    """
    starts, ends = [cut["start"] for cut in cuts], [cut["end"] for cut in cuts]
    lengths = [0, *accumulate(end - start for start, end in zip(starts, ends, strict=True))]

    def moved(position: int) -> int:
        place = bisect_right(starts, position)
        return position - lengths[place] + (max(0, ends[place - 1] - position) if place else 0)

    kept = [text[a:b] for a, b in zip([0, *ends], [*starts, len(text)], strict=True)]
    left = [Span(start=moved(s["start"]), end=moved(s["end"]), kind=s["kind"]) for s in spans]
    return "".join(kept), [span for span in left if span["start"] < span["end"]]


def exported(text: str, spans: Sequence[Span], cuts: Sequence[Cut]) -> str:
    """Return a text as it is exported: without the cuts, personal data masked."""
    return mask(*without(text, spans, cuts)) if cuts else mask(text, spans)
