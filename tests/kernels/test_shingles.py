"""The shingle kernel against the slow, obvious way with `re`: the set of a text's word n-grams."""

import itertools

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.buffers import text_buffers
from pipeline.kernels.shingles import MULTIPLIER, distinct, fold_table, shingle_sets
from tests.dedup.candidates import shingles_by_hand
from tests.support.hashes import hashes_of

FOLD = fold_table()
LETTERS = st.characters(exclude_categories=["Cs"])
GOLDEN = [911440594615176495, 1401275232068579665, 7769524304075035553]
TEXTS = st.text(
    st.sampled_from("aB ,_é9Ж中文かなไทยមΣςİǅẞⅫ①\u0301\U0001f600\n") | LETTERS, max_size=60
)


def sets_of(texts: list[str], ngram: int) -> list[set[int]]:
    data, offsets = text_buffers(pa.array(texts, pa.string()))
    hashes, starts = shingle_sets(data, offsets, ngram, FOLD, MULTIPLIER)
    return [set(hashes[a:b].tolist()) for a, b in itertools.pairwise(starts)]


@settings(max_examples=300)
@given(st.lists(TEXTS, max_size=4), st.integers(1, 6))
def test_the_sets_have_the_sizes_and_overlaps_of_the_reference(
    texts: list[str], ngram: int
) -> None:
    expected = [shingles_by_hand(text, ngram) for text in texts]
    found = sets_of(texts, ngram)
    assert [len(s) for s in found] == [len(s) for s in expected]
    for i in range(len(texts)):
        for j in range(i):
            assert len(found[i] & found[j]) == len(expected[i] & expected[j])


def test_case_punctuation_and_spacing_do_not_count() -> None:
    first, second = sets_of(["It was the BEST of times,", "it  was\nthe best... of (times)"], 5)
    assert first == second


def test_every_letter_is_one_to_python_too() -> None:
    letters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    text = " ".join(letters)
    assert len(hashes_of(text, 1)) == len(shingles_by_hand(text, 1))


def test_scripts_without_spaces_have_character_ngrams() -> None:
    first, second = sets_of(["我爱北京天安门", "我爱北京,天安门!"], 3)
    assert first == second
    assert len(first) == 5
    assert sets_of(["abc中文"], 1) == sets_of(["中 abc 文"], 1)


def test_sigma_and_dotted_i() -> None:
    assert sets_of(["ΟΔΟΣ οδος"], 1) == sets_of(["οδος"], 1)
    assert sets_of(["İzmir"], 1) == sets_of(["i zmir"], 1), "as `re` splits what `lower` writes"


@settings(max_examples=100)
@given(
    st.lists(st.integers(0, 2**64 - 1), max_size=8),
    st.lists(st.integers(0, 5), max_size=8),
    st.integers(0, 20),
)
def test_distinct_sorts_whatever_repeats(spread: list[int], small: list[int], times: int) -> None:
    hashes = np.array((spread + small) * times, np.uint64)
    out = np.empty_like(hashes)
    count = distinct(hashes, out)
    assert out[:count].tolist() == sorted(set(hashes.tolist()))


def test_a_slice_of_an_array_is_read_where_it_lies() -> None:
    texts = pa.array(["one two", "three four", "five"], pa.string())
    data, offsets = text_buffers(texts.slice(1, 1))
    hashes, starts = shingle_sets(data, offsets, 2, FOLD, MULTIPLIER)
    assert set(hashes.tolist()) == sets_of(["three four"], 2)[0]
    assert starts.tolist() == [0, 1]


def test_golden_hashes() -> None:
    """Stored signatures stay valid only while these do not change."""
    text = "Grüße aus Köln an alle"
    assert sorted(hashes_of(text, 3)) == GOLDEN
    assert sorted(sets_of([text], 3)[0]) == [value >> 32 for value in GOLDEN]


def test_no_texts_and_no_words() -> None:
    assert sets_of([], 5) == []
    assert sets_of(["", " \n.,"], 5) == [set(), set()]
    assert np.all(FOLD[[ord(" "), ord("."), 0x301]] == 0)
