"""The kernels of repetition against slow obvious versions of themselves."""

from collections import Counter

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.repetition import first_occurrences, repeated_characters, span_hashes

# Few distinct words, so that n-grams repeat.
words = st.lists(st.sampled_from(["a", "bb", "ccc", "dddd"]), max_size=60)


def hashes_of(items: list[str]) -> npt.NDArray[np.uint64]:
    codes = np.array([ord(c) for item in items for c in item], np.uint32)
    ends = np.cumsum([len(item) for item in items], dtype=np.int64)
    starts = ends - np.array([len(item) for item in items], np.int64)
    return span_hashes(codes, starts, ends)


def lengths_of(items: list[str]) -> npt.NDArray[np.int64]:
    return np.array([len(item) for item in items], np.int64)


def top_characters(items: list[str], n: int) -> int:
    grams = [" ".join(items[i : i + n]) for i in range(len(items) - n + 1)]
    if not grams:
        return 0
    top, count = Counter(grams).most_common(1)[0]  # of equals the first
    return len(top) * count


def characters_read_again(items: list[str], n: int) -> int:
    known, found, place = set(), 0, 0
    while place + n <= len(items):
        gram = tuple(items[place : place + n])
        found += len("".join(gram)) * (gram in known)
        place += n if gram in known else 1
        known.add(gram)
    return found


def test_hash_is_fnv_1a() -> None:
    # Test vectors of RFC 9923: the empty text, "a", "foobar".
    expected = [0xCBF29CE484222325, 0xAF63DC4C8601EC8C, 0x85944171F73967E8]
    assert hashes_of(["", "a", "foobar"]).tolist() == expected


@settings(max_examples=100)
@given(words)
def test_first_occurrences(items: list[str]) -> None:
    assert first_occurrences(hashes_of(items)).tolist() == [items.index(item) for item in items]


def test_first_occurrences_of_hashes_that_meet_in_the_table() -> None:
    same_slot = np.arange(1000, dtype=np.uint64)
    assert first_occurrences(np.tile(same_slot, 3)).tolist() == list(range(1000)) * 3


@settings(max_examples=300)
@given(words)
def test_repeated_characters(items: list[str]) -> None:
    found = repeated_characters(hashes_of(items), lengths_of(items), 4, 10).tolist()
    assert found[:3] == [top_characters(items, n) for n in (2, 3, 4)]
    assert found[3:] == [characters_read_again(items, n) for n in range(5, 11)]


def test_repeated_characters_of_a_long_text() -> None:
    items = [str(number * number % 97) for number in range(3_000)]
    found = repeated_characters(hashes_of(items), lengths_of(items), 4, 10).tolist()
    assert found[0] == top_characters(items, 2)
    assert found[8] == characters_read_again(items, 10) > 0
