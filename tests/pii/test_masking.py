"""Masking: placeholders in the place of spans, the rest untouched."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from pipeline.pii.masking import PLACEHOLDERS, Span, mask


def test_replaces_each_span_by_its_kind() -> None:
    text = "é jane@doe.net, 98.137.11.163"
    spans = [Span(start=2, end=14, kind="email"), Span(start=16, end=29, kind="ip")]
    assert mask(text, spans) == "é <EMAIL>, <IP_ADDRESS>"


@given(st.text())
def test_no_span_no_change(text: str) -> None:
    assert mask(text, []) is text


@given(st.text(), st.lists(st.integers(0, 50), max_size=8, unique=True).map(sorted))
def test_keeps_everything_outside_the_spans(text: str, cuts: list[int]) -> None:
    pairs = [(s, e) for s, e in zip(cuts[::2], cuts[1::2], strict=False) if e <= len(text)]
    masked = mask(text, [Span(start=start, end=end, kind="secret") for start, end in pairs])
    removed = sum(end - start for start, end in pairs)
    assert len(masked) == len(text) - removed + len(pairs) * len(PLACEHOLDERS["secret"])


def test_the_masked_text_is_in_nfc() -> None:
    text = "a@b.org\u0338 rest"
    masked = mask(text, [{"start": 0, "end": 7, "kind": "email"}])
    assert unicodedata.is_normalized("NFC", masked)
    assert masked.endswith(" rest")
