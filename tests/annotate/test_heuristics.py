"""Heuristics: every column against a slow, obvious count of the same thing."""

import re
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotate.heuristics import HeuristicsAnnotator
from pipeline.annotate.heuristics import text_statistics as statistics_of
from schemas.attributes import HEURISTICS

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies")
LINE_ENDS = tuple(".!?。！？\"'”’»")
BULLETS = tuple("•‣⁃◦▪●○■-*")


def text_statistics(text: str) -> dict[str, float]:
    found = statistics_of(pa.array(["before", text, "after."], pa.string()).slice(1, 1))
    return {name: float(values[0]) for name, values in found.items()}


def share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def slow_statistics(text: str) -> dict[str, float]:
    words = text.split()
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    paragraphs = [p.strip() for p in re.split(r"\n(?:\s*\n)+", text) if p.strip()]
    symbols = max(text.count("#"), text.count("...") + text.count("…"))
    forms = {f: w for w in STOP_WORDS for f in (w, w.upper(), w.title())}
    statistics = {
        "num_characters": len(text),
        "num_words": len(words),
        "num_stop_words": len({forms[word] for word in words if word in forms}),
        "num_lines": len(lines),
        "num_prose_sentences": sum(num_sentences(line) for line in lines if is_prose(line)),
        "num_curly_brackets": len(re.findall("[{}]", text)),
        "num_lorem_ipsum": len(re.findall("lorem ipsum", text, re.IGNORECASE)),
        "mean_word_length": share(sum(map(len, words)), len(words)),
        "symbol_to_word_ratio": share(symbols, len(words)),
        "newline_to_word_ratio": share(text.count("\n"), len(words)),
        "alphabetic_word_fraction": share(
            sum(any(c.isalpha() for c in word) for word in words), len(words)
        ),
        "bullet_line_fraction": share(sum(line.startswith(BULLETS) for line in lines), len(lines)),
        "ellipsis_line_fraction": share(
            sum(line.endswith(("...", "…")) for line in lines), len(lines)
        ),
        "punctuated_line_fraction": share(
            sum(line.endswith(LINE_ENDS) for line in lines), len(lines)
        ),
        "short_line_fraction": share(sum(len(line) <= 30 for line in lines), len(lines)),
    }
    for name, items in (("line", lines), ("paragraph", paragraphs)):
        repeats = [item for i, item in enumerate(items) if item in items[:i]]
        statistics[f"duplicate_{name}_fraction"] = share(len(repeats), len(items))
        statistics[f"duplicate_{name}_character_fraction"] = share(
            sum(map(len, repeats)), sum(map(len, items))
        )
    for n in range(2, 11):
        name = f"{'top' if n <= 4 else 'duplicate'}_{n}gram_character_fraction"
        statistics[name] = share(ngram_characters(words, n), sum(map(len, words)))
    return statistics


def is_prose(line: str) -> bool:
    boilerplate = any(phrase in line.lower() for phrase in (*POLICY, "use cookies", "javascript"))
    ended = line.endswith(LINE_ENDS) and not line.endswith("...")
    return ended and len(line.split()) >= 5 and not boilerplate


def num_sentences(line: str) -> int:
    ends = re.findall(r"[。！？]|[.!?](?:[\"'”’»)\]](?=\s|$)|(?=\s|$))", line)
    return max(1, len(ends))


def ngram_characters(words: Sequence[str], n: int) -> int:
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    counts = Counter(grams)
    most = max(counts.values(), default=0)
    if n > 4:
        chosen = [i for i, gram in enumerate(grams) if gram in grams[:i]]
    elif most > 1:
        top = max((g for g in counts if counts[g] == most), key=lambda g: len("".join(g)))
        chosen = [i for i, gram in enumerate(grams) if gram == top]
    else:
        chosen = []
    return sum(len(words[w]) for w in {i + k for i in chosen for k in range(n)})


PIECES = (
    "the", "The", "of", "and", "cat", "cats", "über", "日本。", "12", "a1", "{", "}", "#", "...",
    "…", ".", "!", "?", '."', ".)", "-", "•", "*", "\n", "\n", "\n\n", "\n \n", "\t", "\u00a0",
    "Lorem ipsum", "javascript", "privacy policy", "one two three four five.",
)  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=80).flatmap(
    lambda pieces: st.sampled_from([" ".join(pieces), "".join(pieces)])
)


@settings(max_examples=300, deadline=None)
@given(texts)
def test_agrees_with_the_slow_count(text: str) -> None:
    assert text_statistics(text) == pytest.approx(slow_statistics(text))


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_fractions_lie_between_zero_and_one(text: str) -> None:
    for name, value in text_statistics(text).items():
        assert value >= 0
        assert not name.endswith("_fraction") or value <= 1


def test_a_text_that_only_repeats_itself() -> None:
    found = text_statistics("All work and no play makes Jack a dull boy.\n" * 20)
    assert found["duplicate_line_fraction"] == pytest.approx(0.95)
    assert found["duplicate_10gram_character_fraction"] > 0.9


def test_nothing_is_null_or_nan_in_an_empty_text() -> None:
    assert set(text_statistics("").values()) == {0}


def test_annotates_in_the_order_and_types_of_the_schema() -> None:
    batch = pa.RecordBatch.from_pydict({"id": ["a", "b"], "text": ["One two. Three.", ""]})
    result = HeuristicsAnnotator().annotate(batch)
    assert result.schema == HEURISTICS
    assert result["num_words"].to_pylist() == [3, 0]
    assert result["mean_word_length"].to_pylist()[0] == pytest.approx(13 / 3)
