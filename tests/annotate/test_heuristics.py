"""Heuristics: every column against a slow, obvious count of the same thing."""

import re
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotate import words as words_tables
from pipeline.annotate.heuristics import HeuristicsAnnotator
from pipeline.annotate.heuristics import text_statistics as statistics_of
from pipeline.kernels import characters as kernel
from pipeline.normalize.text import normalize_text
from schemas.attributes import HEURISTICS
from tests.kernels.test_repetition import characters_read_again, top_characters
from tests.support.slow_words import slow_words

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies")
SENTENCE_ENDS = tuple(".!?。！？")


def text_statistics(text: str) -> dict[str, float]:
    found = statistics_of(pa.array(["before", text, "after."], pa.string()).slice(1, 1))
    return {name: float(values[0]) for name, values in found.items()}


def share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def slow_statistics(text: str) -> dict[str, float]:
    words = slow_words(text)
    plain = [word for word in words if not is_mark(word)]
    all_lines = text.splitlines()
    lines = [line for line in all_lines if line.strip()]
    paragraphs = [p for p in re.split(r"\n{2,}", text.strip()) if p]
    symbols = max(text.count("#"), text.count("...") + text.count("…"))
    prose = list(map(prose_of, lines))
    statistics = {
        "num_characters": len(text),
        "num_words": len(plain),
        "num_stop_words": len({word for word in words if word in STOP_WORDS}),
        "num_lines": len(lines),
        "num_prose_sentences": sum(n for n in prose if isinstance(n, int)),
        "num_curly_bracket_lines": prose.count("bracket"),
        "num_lorem_ipsum_lines": prose.count("filler"),
        "mean_word_length": share(sum(map(len, plain)), len(plain)),
        "symbol_to_word_ratio": share(symbols, len(words)),
        "newline_to_word_ratio": share(text.count("\n"), len(words)),
        "alphabetic_word_fraction": share(
            sum(any(c.isalpha() for c in word) for word in words), len(words)
        ),
        "bullet_line_fraction": share(
            sum(line.lstrip().startswith(("•", "-")) for line in all_lines), len(all_lines)
        ),
        "ellipsis_line_fraction": share(
            sum(line.endswith(("...", "…")) for line in all_lines), len(all_lines)
        ),
        "punctuated_line_fraction": share(
            sum(line.endswith(SENTENCE_ENDS) for line in lines), len(lines)
        ),
        "short_line_fraction": share(sum(len(line) <= 30 for line in lines), len(lines)),
    }
    for name, items in (("line", lines), ("paragraph", paragraphs)):
        repeats = [item for i, item in enumerate(items) if item in items[:i]]
        size = sum(map(len, repeats))
        statistics[f"duplicate_{name}_fraction"] = share(len(repeats), len(items))
        statistics[f"duplicate_{name}_character_fraction"] = share(size, len(text))
        if name == "line":
            whole = len(text.replace("\n", ""))
            statistics["duplicate_character_fraction_of_lines"] = share(size, whole)
    for n in range(2, 11):
        name = f"{'top' if n <= 4 else 'duplicate'}_{n}gram_character_fraction"
        count = top_characters if n <= 4 else characters_read_again
        statistics[name] = share(count(words, n), len(text))
    return statistics


def is_mark(word: str) -> bool:
    kinds = words_tables.CHARACTERS
    return all(c in kinds[kernel.SYMBOL] or c in kinds[kernel.TERMINAL] for c in word)


def prose_of(line: str) -> int | str:
    """Return the sentences of a line that C4 keeps, else why it does not."""
    words = line.split()
    line = re.sub(r"\[[0-9]*\]|\[edit\]|\[citation needed\]", "", line.strip())
    if max(map(len, words)) > 1_000 or len(words) < 5:
        return "short"
    if not line.endswith((".", "?", "!", '"', "'")) or line.endswith("..."):
        return "open"
    if "lorem ipsum" in line.lower():
        return "filler"
    if "javascript" in line.lower():
        return "script"
    if "{" in line:
        return "bracket"
    if any(phrase in line.lower() for phrase in (*POLICY, "use cookies")):
        return "policy"
    return num_sentences(slow_words(line))


def num_sentences(words: list[str]) -> int:
    count, is_ended = 1, False
    for word in words:
        if word in SENTENCE_ENDS:
            is_ended = True
        elif is_ended and not all(unicodedata.category(c).startswith("P") for c in word):
            count, is_ended = count + 1, False
    return count


PIECES = (
    "the", "The", "of", "and", "cat", "cats", "über", "日本。", "12", "a1", "{", "}", "#", "...",
    "…", ".", "!", "?", '."', ".)", "-", "•", "*", "\n", "\n", "\n\n", "\n  ", "\t", "\u00a0",
    "Lorem ipsum", "javascript", "privacy policy", "one two three four five.", "[12]", "[edit]",
    "He came. “So,” he said. Why? No one knows.", "x" * 1_001,
)  # fmt: skip
texts = (
    st.lists(st.sampled_from(PIECES), max_size=80)
    .flatmap(lambda pieces: st.sampled_from([" ".join(pieces), "".join(pieces)]))
    .map(normalize_text)  # as every document is
)


@settings(max_examples=300)
@given(texts)
def test_agrees_with_the_slow_count(text: str) -> None:
    assert text_statistics(text) == pytest.approx(slow_statistics(text))


@settings(max_examples=100)
@given(st.text())
def test_fractions_lie_between_zero_and_one(text: str) -> None:
    for name, value in text_statistics(text).items():
        assert value >= 0
        # occurrences of the top n-gram that overlap count twice
        assert not name.endswith("_fraction") or name.startswith("top") or value <= 1


def test_a_text_that_only_repeats_itself() -> None:
    found = text_statistics("All work and no play makes Jack a dull boy.\n" * 20)
    assert found["duplicate_line_fraction"] == pytest.approx(0.95)
    assert found["duplicate_10gram_character_fraction"] > 0.7


def test_nothing_is_null_or_nan_in_an_empty_text() -> None:
    assert set(text_statistics("").values()) == {0}


def test_annotates_in_the_order_and_types_of_the_schema() -> None:
    batch = pa.RecordBatch.from_pydict({"id": ["a", "b"], "text": ["One two. Three.", ""]})
    result = HeuristicsAnnotator().annotate(batch)
    assert result.schema == HEURISTICS
    assert result["num_words"].to_pylist() == [3, 0]
    assert result["mean_word_length"].to_pylist()[0] == pytest.approx(11 / 3)
