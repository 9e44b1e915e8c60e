"""Cuts: exactly the lines asked for, no blank lines left over, personal data still masked."""

import re

from hypothesis import given
from hypothesis import strategies as st

from pipeline.cuts import cuts_of_lines, exported, without
from pipeline.normalize.text import normalize_text
from pipeline.pii.masking import Span

LINES = st.lists(st.sampled_from(["", "one", "two words", "é😀", "  indented"]), max_size=12)


def spans_of_lines(text: str) -> list[tuple[int, int]]:
    return [(found.start(), found.end()) for found in re.finditer(r"[^\n]*\n|[^\n]+$", text)]


@given(LINES, st.data())
def test_what_is_left_is_the_other_lines_in_the_project_s_form(
    lines: list[str], data: st.DataObject
) -> None:
    text = normalize_text("\n".join(lines))
    every = [span for span in spans_of_lines(text) if text[slice(*span)].strip()]
    chosen = [span for span in every if data.draw(st.booleans())]
    left, _ = without(text, [], cuts_of_lines(text, chosen))
    expected = [text[slice(*span)].strip("\n") for span in every if span not in chosen]
    assert [line for line in left.split("\n") if line] == expected
    assert normalize_text(left) == left
    if "\n\n\n" not in text:
        assert "\n\n\n" not in left
    if not chosen:
        assert left == text


@given(LINES, st.data())
def test_spans_stay_with_their_characters(lines: list[str], data: st.DataObject) -> None:
    text = normalize_text("\n".join(lines))
    every = spans_of_lines(text)
    cuts = cuts_of_lines(text, [span for span in every if data.draw(st.booleans())])
    bounds = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6, unique=True)))
    spans = [
        Span(start=a, end=b, kind="email") for a, b in zip(bounds[::2], bounds[1::2], strict=False)
    ]
    is_kept = [not any(cut["start"] <= i < cut["end"] for cut in cuts) for i in range(len(text))]
    left, moved = without(text, spans, cuts)
    assert left == "".join(text[i] for i in range(len(text)) if is_kept[i])
    expected = ["".join(text[i] for i in range(s["start"], s["end"]) if is_kept[i]) for s in spans]
    assert [left[s["start"] : s["end"]] for s in moved] == [piece for piece in expected if piece]


def test_paragraphs_on_both_sides_stay_one_blank_line_apart() -> None:
    text = "first\n\ncut me\n\ncut me too\n\nlast"
    chosen = [span for span in spans_of_lines(text) if "cut" in text[slice(*span)]]
    assert without(text, [], cuts_of_lines(text, chosen))[0] == "first\n\nlast"
    assert without(text, [], cuts_of_lines(text, spans_of_lines(text)[:3:2]))[0] == (
        "cut me too\n\nlast"
    )
    assert without(text, [], cuts_of_lines(text, spans_of_lines(text)[2:]))[0] == "first"


def test_an_address_that_a_cut_takes_half_of_is_still_masked() -> None:
    text = "call 1234\n5678 now\nand write to a@b.org"
    spans = [Span(start=5, end=14, kind="phone"), Span(start=32, end=39, kind="email")]
    cuts = cuts_of_lines(text, [(10, 19)])
    assert exported(text, spans, cuts) == "call <PHONE>and write to <EMAIL>"
