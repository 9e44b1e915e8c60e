"""The difference of two texts, shown: whatever changed is there, and long texts stay cheap."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.audit.difference import MAX_CHANGES, describe_difference

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=30)


def test_a_changed_word_is_shown_with_what_stands_around_it() -> None:
    old = "It was the best of times, it was the worst of times"
    new = old.replace("worst", "very worst").replace("best", "Best")
    assert describe_difference(new, old) == [
        "It was the [-best-] {+Best+} of times, it was",
        "times, it was the {+very+} worst of times",
    ]


def test_texts_of_the_same_words() -> None:
    assert "white space" in describe_difference("a b", "a  b")[0]


@settings(max_examples=200)
@given(WORDS, WORDS)
def test_as_many_words_come_and_go_as_the_lengths_differ(old: list[str], new: list[str]) -> None:
    lines = describe_difference(" ".join(new), " ".join(old))
    gone = " ".join(re.findall(r"\[-(.*?)-\]", "\n".join(lines))).split()
    come = " ".join(re.findall(r"\{\+(.*?)\+\}", "\n".join(lines))).split()
    if len(lines) <= MAX_CHANGES:
        assert len(come) - len(gone) == len(new) - len(old)
        assert (old == new) == (not gone and not come)


def test_long_texts_are_compared_in_part_and_that_is_said() -> None:
    old = " ".join(f"w{i}" for i in range(200_000))
    lines = describe_difference(" ".join(f"v{i}" for i in range(200_000)), old)
    assert "4,000 were compared" in lines[-1]
    assert len(describe_difference(old + " end", old)) == 1
