"""What is always true of a normalised text."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.normalize.text import normalize_text

# Characters that matter to normalising are rare in arbitrary text: mix them in.
ODD = "\r\n\t \x00\x0b\x0c\x1c\x85\xa0\xad\u0301\u0327\u200b\u200d\u2028\u2029\u3000\ufeffaé\u1e69"
TEXTS = st.text(st.one_of(st.sampled_from(ODD), st.characters(codec="utf-8")), max_size=40)


@settings(max_examples=300)
@given(TEXTS)
def test_idempotent_and_of_the_promised_form(text: str) -> None:
    result = normalize_text(text)
    assert normalize_text(result) == result
    assert unicodedata.is_normalized("NFC", result)
    assert all(line == line.rstrip() for line in result.split("\n"))
    assert "\n\n\n\n" not in result
    assert result == result.strip("\n")
    controls = {c for c in result if unicodedata.category(c) == "Cc"}
    assert controls <= {"\n", "\t"}


@settings(max_examples=100)
@given(TEXTS)
def test_every_visible_character_stays(text: str) -> None:
    def visible(value: str) -> str:
        kept = (c for c in value if unicodedata.category(c)[0] in "LNPS")
        return unicodedata.normalize("NFD", "".join(kept))

    assert visible(unicodedata.normalize("NFD", normalize_text(text))) == visible(
        unicodedata.normalize("NFD", text)
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("\ufeffso\u00adft\u200b", "soft"),
        ("e\u0301", "é"),
        ("a \t\nb\u00a0", "a\nb"),
        ("def f():\n\tif x:\n\t    return 1\n", "def f():\n\tif x:\n\t    return 1"),
        ("    indented first line", "    indented first line"),
        ("a\n\n\nb", "a\n\n\nb"),
        ("a\n\n \n\nb", "a\n\nb"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d💻", "👩\u200d💻"),
        (" \n\t\r\n", ""),
    ],
)
def test_examples(before: str, after: str) -> None:
    assert normalize_text(before) == after
