"""Merges: words taken through them one by one are the text taken through them all at once."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels import merges as kernel
from pipeline.kernels.merges import Merges, WordTable, count_merges, pair_counts
from pipeline.kernels.training import train_merges

Words = list[list[int]]
LETTERS = 4  # symbols of words: 1 to LETTERS; 0 is never merged
WORDS = st.lists(st.lists(st.integers(0, LETTERS), min_size=1, max_size=9), min_size=1, max_size=8)


def numbers(words: Words) -> tuple[np.ndarray, np.ndarray]:
    starts = np.concatenate(([0], np.cumsum([len(word) for word in words])))
    return np.array([symbol for word in words for symbol in word], np.int32), starts.astype(
        np.int64
    )


def table_of(words: Words, counts: np.ndarray) -> WordTable:
    """Return a table in which word w stands counts[w, c] times in column c."""
    size, num_columns = counts.shape
    return WordTable(
        *numbers(words),
        np.arange(0, size * num_columns + 1, num_columns),
        np.tile(np.arange(num_columns), size),
        counts.ravel().astype(np.int64),
    )


def merged(word: list[int], left: int, right: int, made: int) -> list[int]:
    """Put `made` for each pair, from the left."""
    found: list[int] = []
    for symbol in word:
        if found and (found[-1], symbol) == (left, right):
            found[-1] = made
        else:
            found.append(symbol)
    return found


def pairs_in(words: Words, weights: np.ndarray) -> Counter[tuple[int, int]]:
    counts: Counter[tuple[int, int]] = Counter()
    for word, weight in zip(words, weights.tolist(), strict=True):
        for pair in itertools.pairwise(word):
            if all(pair):
                counts[pair] += weight
    return counts


@given(WORDS, st.randoms(use_true_random=False))
def test_the_trainer_takes_a_most_frequent_pair_each_time(words: Words, random: object) -> None:
    weights = np.array([random.choice([0.5, 1.0, 2.0]) for _ in words])  # type: ignore[attr-defined]
    symbols, starts = numbers(words)
    left, right = train_merges(symbols, starts, weights, LETTERS + 1, 12)
    text = [list(word) for word in words]
    for rank, pair in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
        counts = pairs_in(text, weights)
        assert counts[pair] == max(counts.values())
        text = [merged(word, *pair, LETTERS + 1 + rank) for word in text]
    assert len(left) == 12 or not pairs_in(text, weights)


@given(WORDS, st.data())
def test_counts_are_those_of_the_whole_text_merged_step_by_step(
    words: Words, data: st.DataObject
) -> None:
    amount = st.integers(0, 5)
    row = st.tuples(amount, amount, amount)
    rows = data.draw(st.lists(row, min_size=len(words), max_size=len(words)))
    counts = np.array(rows)
    symbols, starts = numbers(words)
    weights = np.ones(len(words))
    merges = Merges(*train_merges(symbols, starts, weights, LETTERS + 1, 8), LETTERS + 1)
    table = table_of(words, counts)
    found = count_merges(table, merges, 3)
    steps = np.arange(len(merges.left))
    beside = pair_counts(table, merges, steps, len(steps), 3)
    text = [list(word) for word in words]
    for rank, pair in enumerate(zip(merges.left.tolist(), merges.right.tolist(), strict=True)):
        for other, wanted in enumerate(zip(merges.left, merges.right, strict=True)):
            for column in range(3):
                expected = pairs_in(text, counts[:, column])[wanted]
                assert beside[rank, other, column] == expected
        after = [merged(word, *pair, LETTERS + 1 + rank) for word in text]
        gone = [len(word) - len(less) for word, less in zip(text, after, strict=True)]
        assert found[rank].tolist() == (np.array(gone) @ counts).tolist()
        text = after


def test_a_word_longer_than_is_held_is_taken_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    word = [1, 2] * kernel.MAX_SYMBOLS
    merges = Merges(np.array([1], np.int32), np.array([2], np.int32), 3)
    assert count_merges(table_of([word], np.array([[2]])), merges, 1).tolist() == [[2048 // 2]]
