"""Wikitext → plain text, by mwparserfromhell's syntax tree.

Templates, references, tables, files, categories, comments and links between languages go; prose,
link texts, headings (as lines), list items, code and formulas stay. A section of which nothing is
left loses its heading.
"""

import html
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import mwparserfromhell
from mwparserfromhell import nodes

# Tags whose content is no prose of the article, and tags that stand on lines of their own.
REMOVED_TAGS = frozenset(
    ("categorytree", "gallery", "graph", "imagemap", "indicator", "inputbox", "mapframe", "maplink")
) | {"ref", "references", "score", "section", "style", "table", "templatedata", "timeline"}
BLOCK_TAGS = frozenset(
    ("blockquote", "br", "center", "div", "hr", "li", "ol", "p", "poem", "pre", "source", "ul")
) | {"syntaxhighlight"}
FORMULA_TAGS = frozenset(["ce", "chem", "math"])
REMOVED_PREFIXES = frozenset(["category", "file", "image", "media"])

# List items, and places where something was removed, are marked by control characters, which no
# text holds, until lines are put together.
_ITEM, _INDENT, _GAP = "\x01", "\x02", "\x03"
_MARKS = re.compile(f"^[{_ITEM}{_INDENT}]+[ \t]*", re.MULTILINE)
_MEANING = re.compile(f"{_INDENT}[ \t]*")
_EMPTY_BRACKETS = re.compile(rf" ?\([\s,;:–-]*{_GAP}[\s,;:–{_GAP}-]*\)")
_EMPTY_START = re.compile(rf"\(\s*{_GAP}[\s,;{_GAP}]*")
_EMPTY_ITEM = re.compile(rf"^- *{_GAP}[ {_GAP}]*(?:\n|\Z)", re.MULTILINE)
_SPACED_GAP = re.compile(rf"(?<! ) +{_GAP}[ {_GAP}]* |{_GAP}")
_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*\n")

_REFERENCE = re.compile(r"<ref\b[^<>]*?(/?)>", re.IGNORECASE)
_REFERENCE_END = re.compile(r"</ref\s*>", re.IGNORECASE)
_LANGUAGE = re.compile(r"(?:[a-z]{2,3}(?:-[a-z]+)*|simple)")
_TABLE_LINE = re.compile(r"^(?:\{\||\||!).*\n?", re.MULTILINE)
_MAGIC_WORD = re.compile(r"__[A-Z]{3,}__")


class _Section(NamedTuple):
    level: int
    heading: str
    parts: list[str]


def plain_text(wikitext: str, removed_prefixes: frozenset[str] = REMOVED_PREFIXES) -> str:
    """Return the prose of a page; links into namespaces of these names (lower case) go.

    Raises mwparserfromhell's ParserError, or RecursionError, for what it cannot parse.
    """
    source = _without_references(_without_comments(wikitext))
    sections = [_Section(0, "", [])]
    for node in mwparserfromhell.parse(source).nodes:
        if isinstance(node, nodes.Heading):
            heading = _tidy("".join(_render(node.title, removed_prefixes)))
            sections.append(_Section(node.level, heading, []))
        else:
            sections[-1].parts.extend(_render_node(node, removed_prefixes))
    return _join(sections)


def _without_comments(text: str) -> str:
    """Cut comments out before parsing; one that is never closed ends at the next."""
    head, *rest = text.split("<!--")
    return head + "".join(part.partition("-->")[2] for part in rest)


def _without_references(text: str) -> str:
    """Cut references out before parsing: they are half of the markup, and slow to parse."""
    kept, position = [], 0
    while opening := _REFERENCE.search(text, position):
        closing = opening if opening[1] else _REFERENCE_END.search(text, opening.end())
        if closing is None:
            break
        kept.append(text[position : opening.start()])
        position = closing.end()
    return "".join([*kept, text[position:]])


def _render(code: Any, removed_prefixes: frozenset[str]) -> Iterator[str]:
    for node in code.nodes if code is not None else ():
        yield from _render_node(node, removed_prefixes)


def _render_node(node: Any, removed_prefixes: frozenset[str]) -> Iterator[str]:
    """Yield what is left of a node: a gap for what is removed."""
    if isinstance(node, nodes.Text):
        yield node.value
    elif isinstance(node, nodes.Tag):
        yield from _render_tag(node, removed_prefixes)
    elif isinstance(node, nodes.Wikilink) and not _is_removed(node, removed_prefixes):
        yield from _render(node.title if node.text is None else node.text, removed_prefixes)
    elif isinstance(node, nodes.ExternalLink) and (node.title is not None or not node.brackets):
        yield from _render(node.url if node.title is None else node.title, removed_prefixes)
    elif isinstance(node, nodes.HTMLEntity):
        yield html.unescape(str(node))
    elif isinstance(node, nodes.Heading):  # inside a tag
        yield f"\n{node.title.strip_code()}\n"
    else:
        yield _GAP


def _is_removed(link: nodes.Wikilink, removed_prefixes: frozenset[str]) -> bool:
    """Say whether a link is no text: a file, a category, or the page in another language."""
    prefix, colon, _ = str(link.title).strip().lower().partition(":")
    if not colon:
        return False
    language = link.text is None and _LANGUAGE.fullmatch(prefix) is not None
    return language or prefix.strip() in removed_prefixes


def _render_tag(tag: nodes.Tag, removed_prefixes: frozenset[str]) -> Iterator[str]:
    name = str(tag.tag).strip().lower()
    if name in REMOVED_TAGS:
        yield _GAP
    elif tag.wiki_markup in ("*", "#"):
        yield _ITEM
    elif tag.wiki_markup in (";", ":"):
        yield _INDENT
    elif name in FORMULA_TAGS:
        yield f"${str(tag.contents).strip()}$"
    else:
        edge = "\n" if name in BLOCK_TAGS else ""
        yield edge
        yield from _render(tag.contents, removed_prefixes)
        yield edge


def _join(sections: list[_Section]) -> str:
    """Put sections together, leaving out headings with nothing below them."""
    kept: list[str] = []
    next_level = 0
    for section in reversed(sections):
        body = _tidy("".join(section.parts))
        if body or next_level > section.level:
            kept += [body] if body else []
            kept += [section.heading] if section.heading else []
            next_level = section.level
    return "\n\n".join(reversed(kept))


def _tidy(text: str) -> str:
    """Put list marks in, and mend what removal left behind: empty brackets and items, gaps."""
    text = _MARKS.sub(lambda marks: "- " if _ITEM in marks[0] else "", text)
    text = _MEANING.sub(": ", text).replace(_ITEM, "")
    if "{|" in text:  # a table that the parser could not close
        text = _TABLE_LINE.sub("", text)
    text = _EMPTY_BRACKETS.sub("", _MAGIC_WORD.sub("", text))
    text = _EMPTY_ITEM.sub("", _EMPTY_START.sub("(", text))
    text = _SPACED_GAP.sub(lambda gap: " " if len(gap[0]) > 1 else "", text)
    return _BLANK_LINES.sub("\n\n", text).strip()
