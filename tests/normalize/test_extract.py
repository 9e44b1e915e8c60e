"""Text, title and address of a page; pages made to break a parser."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.normalize.extract import MAX_DEPTH, TooDeepError, all_text, main_text, read_page

PARAGRAPH = "This paragraph is long enough to be taken for the content of the page. " * 4
PAGE = f"""<!doctype html><html><head><title> The
  title </title><link rel="canonical" href="https://example.org/page">
<script>var hidden = 1;</script><style>p {{ color: red }}</style></head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/about">About us</a></li></ul></nav>
<article><h1>Heading</h1><p>{PARAGRAPH}</p><pre>
def f():
    return 1
</pre><p>Fish &amp; chips caf&eacute;</p></article>
<footer>Imprint and contact</footer></body></html>"""


def test_main_text_leaves_the_frame_of_the_page() -> None:
    text = main_text(PAGE)
    assert PARAGRAPH.strip() in text
    assert "    return 1" in text
    assert "Fish & chips café" in text
    for frame in ("Home", "Imprint", "hidden", "color"):
        assert frame not in text


def test_all_text_keeps_what_can_be_seen() -> None:
    text = all_text(PAGE)
    assert all(word in text for word in ("Home", "Imprint", "Heading"))
    assert "hidden" not in text
    assert "color" not in text


def test_a_page_with_title_and_address() -> None:
    page = read_page(PAGE, "main_text")
    assert (page.title, page.canonical_url) == ("The title", "https://example.org/page")
    assert page.text == main_text(PAGE)


@pytest.mark.parametrize(
    "html", ["", "<p>x", "<link rel=canonical href=/relative>", "<link rel=canonical>", "&"]
)
def test_a_page_without_title_and_address(html: str) -> None:
    page = read_page(html, "all_text")
    assert (page.title, page.canonical_url) == (None, None)


@pytest.mark.parametrize("tag", ["div", "b", "ul><li", "font", "x-y"])
def test_deep_nesting_is_refused(tag: str) -> None:
    with pytest.raises(TooDeepError):
        main_text(f"<{tag}>" * 200_000 + "text")


@pytest.mark.parametrize(
    "html",
    [
        "<svg>" + '<path d="M0"/>' * (MAX_DEPTH + 500) + "</svg><p>text</p>",
        "<table>" + "<tr><td>text" * (MAX_DEPTH + 500),
        "<p>text" * (MAX_DEPTH + 500),
        "<div>" * (MAX_DEPTH - 100) + "text",
    ],
)
def test_many_tags_alone_are_not_deep(html: str) -> None:
    assert "text" in all_text(html)


def test_entities_are_those_of_html_alone() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;">]><p>&c;&c;</p>'
    assert "bbbb" not in all_text(bomb).partition("]>")[2]


@settings(max_examples=100)
@given(
    st.lists(st.sampled_from(["<div>", "</p>", "<td", "<!--", "\0", "&#0;", "é", "<svg/>", "'"]))
)
def test_no_soup_breaks_it(pieces: list[str]) -> None:
    page = read_page("".join(pieces), "main_text")
    assert "\0" not in page.text
