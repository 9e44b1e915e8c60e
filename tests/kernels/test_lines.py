"""The kernel of long lines against the slow, obvious way with `split` and `re`."""

import itertools

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.buffers import cached_fold_table, text_buffers
from pipeline.kernels.lines import LongLines, long_lines, repeats_within
from tests.dedup.candidates import WORD

MULTIPLIER = 0x9E3779B97F4A7C15
# Few distinct words, so that lines repeat; letters that fold, stand alone, end words, or are none.
PIECES = [
    "a",
    "B",
    "b",
    " ",
    ", ",
    "7",
    "\n",
    "\n\n",
    "中",
    "ไ",
    "İ",
    "é",
    "e\u0301",
    "ς",
    "σ",
    "😀",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


def lines_of(texts: list[str], min_words: int, multiplier: int = MULTIPLIER) -> LongLines:
    data, offsets = text_buffers(pa.array(texts, pa.string()))
    return long_lines(data, offsets, min_words, cached_fold_table(), np.uint64(multiplier))


def words_by_hand(line: str) -> tuple[str, ...]:
    return tuple(WORD.findall(line.lower().replace("ς", "σ")))


@settings(max_examples=300)
@given(st.lists(TEXTS, max_size=4), st.integers(1, 4))
def test_lines_are_those_of_the_reference(texts: list[str], min_words: int) -> None:
    found = lines_of(texts, min_words)
    data = "".join(texts).encode()
    known: dict[int, tuple[str, ...]] = {}
    for document, text in enumerate(texts):
        expected = [
            (line, words)
            for line in text.split("\n")
            if len(words := words_by_hand(line)) >= min_words
        ]
        own = range(found.firsts[document], found.firsts[document + 1])
        assert len(own) == len(expected)
        for place, (line, words) in zip(own, expected, strict=True):
            piece = data[found.starts[place] : found.ends[place]].decode()
            assert piece in (line, line + "\n")
            assert found.num_words[place] == len(words)
            assert known.setdefault(int(found.hashes[place]), words) == words
    assert len(set(known.values())) == len(known)


@settings(max_examples=200)
@given(st.lists(TEXTS, max_size=4))
def test_repeats_are_those_of_the_reference(texts: list[str]) -> None:
    found = lines_of(texts, 1)
    expected = []
    for first, last in itertools.pairwise(found.firsts.tolist()):
        own = found.hashes[first:last].tolist()
        expected += [value in own[:place] for place, value in enumerate(own)]
    assert repeats_within(found).tolist() == expected


def test_case_spacing_and_punctuation_do_not_count_but_digits_and_order_do() -> None:
    same = ["We use COOKIES,  ok?", "we use\tcookies ok", "\u201cWe use cookies\u201d \u2013 OK!"]
    other = ["we use 2 cookies ok", "we use 3 cookies ok", "use we cookies ok", "we use cookies"]
    assert len(set(lines_of(same, 1).hashes.tolist())) == 1
    assert len(set(lines_of([*same, *other], 1).hashes.tolist())) == 1 + len(other)


def test_hashes_depend_on_the_multiplier() -> None:
    assert lines_of(["a b c"], 1).hashes != lines_of(["a b c"], 1, MULTIPLIER + 2).hashes


def test_a_slice_of_an_array_is_read_where_it_lies() -> None:
    texts = pa.array(["one two", "three\nfour five\n", "six"], pa.string())
    data, offsets = text_buffers(texts.slice(1, 1))
    found = long_lines(data, offsets, 2, cached_fold_table(), np.uint64(MULTIPLIER))
    assert data[found.starts[0] : found.ends[0]].tobytes() == b"four five\n"
    assert found.firsts.tolist() == [0, 1]


def test_there_may_be_nothing() -> None:
    assert lines_of([], 3).firsts.tolist() == [0]
    assert lines_of(["", "\n\n"], 1).firsts.tolist() == [0, 0, 0]
