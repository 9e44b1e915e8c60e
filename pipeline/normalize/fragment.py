"""A fragment of HTML that is content through and through (a post's body) → plain text.

Pages, with their menus and banners, need `extract.py`. Blocks are set apart by blank lines, list
items are marked, preformatted text stays as it is.
"""

import re
from collections.abc import Iterator

from lxml import etree, html

# What stands before and after an element, where it is not nothing.
_PARAGRAPH = ("\n\n", "\n\n")
_EDGES = {
    **dict.fromkeys(("blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr"), _PARAGRAPH),
    **dict.fromkeys(("ol", "p", "pre", "table", "ul"), _PARAGRAPH),
    **dict.fromkeys(("dd", "div", "dt"), ("\n", "\n")),
    "br": ("\n", ""),
    "li": ("\n- ", ""),
    "tr": ("\n", ""),
    "td": ("", " "),
    "th": ("", " "),
}
_REMOVED = ("script", "style")
_SPACE = re.compile(r"\s+")
_AFTER_NEWLINE = re.compile(r"\n (?! )")
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")
_EMPTY_ITEM_START = re.compile(r"^- \s+", re.MULTILINE)


def fragment_text(markup: str) -> str:
    """Return the text of an HTML fragment; the empty string where it has none."""
    if not markup.strip():
        return ""
    # Inside a div, so that a body that calls itself a page (`<html>`) is a fragment as well.
    root = html.fragment_fromstring(f"<div>{markup}</div>", create_parent="body")
    etree.strip_elements(root, *_REMOVED, with_tail=False)
    etree.strip_tags(root, etree.Comment, etree.ProcessingInstruction)
    text = _AFTER_NEWLINE.sub("\n", "".join(_pieces(root)))
    return _EMPTY_ITEM_START.sub("- ", _BLANK_LINES.sub("\n\n", text)).strip()


def _pieces(root: etree._Element) -> Iterator[str]:
    """Yield texts and edges in document order; white space counts in preformatted text only."""
    depth = 0  # of preformatted elements
    for event, element in etree.iterwalk(root, events=("start", "end")):
        before, after = _EDGES.get(element.tag, ("", ""))
        depth += (element.tag == "pre") * (1 if event == "start" else -1)
        edge, text = (before, element.text) if event == "start" else (after, element.tail)
        yield edge
        if text and (event == "start" or element is not root):
            yield text if depth else _SPACE.sub(" ", text)
