"""What sets two texts apart, word by word: for near-duplicates, which are mostly alike.

Pure. Words are what white space parts, so that punctuation counts here though it does not for
dedup. The beginning and the end that two texts share are passed over, so time follows what differs.
"""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import takewhile

MAX_CHANGES = 12
MAX_WORDS = 4_000  # compared of what differs; the time is quadratic in the worst case
CONTEXT = 4  # words shown before and after a change
MAX_SHOWN = 30  # words of one side of a change

Words = Sequence[str]


def describe_difference(ours: str, theirs: str) -> list[str]:
    """Return lines that show the changes from `theirs` to `ours`: [-gone-] and {+come+}."""
    left, right = theirs.split(), ours.split()
    if left == right:
        return ["the words are the same; the texts differ in white space"]
    start = _shared(left, right)
    end = _shared(left[:start:-1], right[:start:-1])
    middle = slice(start, len(left) - end), slice(start, len(right) - end)
    old, new = left[middle[0]][:MAX_WORDS], right[middle[1]][:MAX_WORDS]
    changes = [
        change
        for change in SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        if change[0] != "equal"
    ]
    lines = [
        _show(left, right, (start + a, start + b), (start + c, start + d))
        for _, a, b, c, d in changes[:MAX_CHANGES]
    ]
    return [*lines, *_left_out(len(changes), max(len(left), len(right)) - start - end)]


def _shared(left: Words, right: Words) -> int:
    """Return how many words two texts begin with in common."""
    pairs = zip(left, right, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _show(left: Words, right: Words, old: tuple[int, int], new: tuple[int, int]) -> str:
    """Return one change with the words around it."""
    before = left[max(0, old[0] - CONTEXT) : old[0]]
    gone = f"[-{_shorten(left[slice(*old)])}-]" if old[0] < old[1] else ""
    come = f"{{+{_shorten(right[slice(*new)])}+}}" if new[0] < new[1] else ""
    after = left[old[1] : old[1] + CONTEXT]
    return " ".join(piece for piece in (*before, gone, come, *after) if piece)


def _shorten(words: Words) -> str:
    if len(words) <= MAX_SHOWN:
        return " ".join(words)
    half = MAX_SHOWN // 2
    return " ".join((*words[:half], f"… {len(words) - 2 * half} words …", *words[-half:]))


def _left_out(num_changes: int, num_words: int) -> Iterator[str]:
    if num_changes > MAX_CHANGES:
        yield f"… and {num_changes - MAX_CHANGES} changes more"
    if num_words > MAX_WORDS:
        yield f"(of the {num_words:,} words that differ, {MAX_WORDS:,} were compared)"
