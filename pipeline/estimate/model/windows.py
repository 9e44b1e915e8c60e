"""Text as the model's own tokens: samples of it, and windows of labelled text of the same length.

Reads the model's tokenizer.json, samples and categories of text; gives words that stand for tokens,
which a fastText classifier reads. Tokens spare the classifier what a model cannot spell, and fit
every language. Samples that are no text are set aside, with the reason.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer

from pipeline.estimate.category import Category

MIN_TOKENS = 16
NUM_FOLDS = 2  # of a category's text: one trains the classifier, the other calibrates it
REPEATED = 3  # tokens
MAX_REPEATED_FRACTION = 0.6  # of runs of so many tokens that came before
MAX_BROKEN_FRACTION = 0.05  # of characters that are no character


class Window(NamedTuple):
    """Tokens of a stretch of labelled text."""

    label: int
    fold: int
    words: str


def as_words(tokens: Sequence[int]) -> str:
    """Return tokens as words, one a token."""
    return " ".join(f"t{token}" for token in tokens)


def cut_windows(
    categories: Sequence[Category], tokenizer: Tokenizer, size: int, max_windows: int
) -> list[Window]:
    """Return windows of `size` tokens, at most `max_windows` of a category, spread over its text.

    The folds are the two halves of the text, so that no book or project is in both but one.
    """
    found = []
    for label, category in enumerate(categories):
        portions = category.portions
        encoded = tokenizer.encode_batch_fast(portions, add_special_tokens=False)
        own = [
            Window(label, NUM_FOLDS * place // len(portions), as_words(ids[start : start + size]))
            for place, ids in enumerate(encoding.ids for encoding in encoded)
            for start in range(0, len(ids) - size + 1, size)
        ]
        step = max(1.0, len(own) / max_windows)
        found += [own[int(place * step)] for place in range(min(len(own), max_windows))]
    return found


def degenerate(tokens: Sequence[int], text: str) -> str | None:
    """Return why a sample is no text; None where it is one."""
    if len(tokens) < MIN_TOKENS or not text.strip():
        return "too_short"
    runs = [tuple(tokens[at : at + REPEATED]) for at in range(len(tokens) - REPEATED + 1)]
    if 1 - len(set(runs)) / len(runs) > MAX_REPEATED_FRACTION:
        return "repetitive"
    if text.count("\ufffd") > MAX_BROKEN_FRACTION * len(text):
        return "broken_characters"
    return None


class Sorted(NamedTuple):
    """Samples that are text: their words and lengths in tokens; and how many were set aside."""

    words: list[str]
    lengths: np.ndarray
    set_aside: Counter[str]


def sort_samples(tokens: Sequence[Sequence[int]], texts: Sequence[str]) -> Sorted:
    """Return samples that are text, and count the others by reason."""
    words, lengths = [], []
    reasons: Counter[str] = Counter()
    for ids, text in zip(tokens, texts, strict=True):
        if reason := degenerate(ids, text):
            reasons[reason] += 1
        else:
            words.append(as_words(ids))
            lengths.append(len(ids))
    return Sorted(words, np.array(lengths, np.int64), reasons)
