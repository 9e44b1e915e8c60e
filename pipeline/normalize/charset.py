"""Bytes of a page or text of the web → a string, whatever encoding it is in.

The order is that of browsers (WHATWG, HTML standard 13.2.3.2): byte order mark, HTTP header,
`meta` in the first 1024 bytes. What declares nothing is UTF-8 if it can be, as a quarter of the
pages in the article extraction benchmark are; else what uchardet takes it for; else windows-1252.
Always true: any bytes give a string, without lone surrogates, and only encodings of the web are
used, never one of Python's own (`unicode_escape`, `idna`).
"""

import codecs
import re

from resiliparse.parse.encoding import detect_encoding

PRESCAN_BYTES = 1024

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META_CHARSET = re.compile(rb"<meta\b[^>]{0,300}?\bcharset\s*=\s*[\"']?\s*([\w.:-]+)", re.I)
_COMMENT = re.compile(rb"<!--.*?-->", re.S)

# Labels of the web that Python does not know.
_LABELS = {
    "windows-31j": "cp932",
    "gb_2312-80": "gb18030",
    "iso-8859-8-i": "iso8859-8",
    "utf8mb4": "utf-8",
}

# Python's name of an encoding → the codec that browsers read it with (Encoding standard, 4.2).
_WEB_CODECS = {
    **{name: name for name in ("utf-8", "utf-16-le", "utf-16-be", "koi8-r", "koi8-u", "gb18030")},
    **{name: name for name in ("cp866", "mac-roman", "mac-cyrillic", "euc_jp", "iso2022_jp")},
    **{f"cp{number}": f"cp{number}" for number in (874, 949, 932, *range(1250, 1259))},
    **{f"iso8859-{part}": f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "utf-16": "utf-16-le",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "big5hkscs": "big5hkscs",
    "cp950": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}


def decode_html(data: bytes, http_charset: str | None = None) -> str:
    """Return a page as a string; `http_charset` is what its HTTP header declares, if anything."""
    return _decode(data, http_charset, _meta_charset(data))


def decode_plain(data: bytes, http_charset: str | None = None) -> str:
    """Return plain text of the web as a string."""
    return _decode(data, http_charset, None)


def web_codec(label: str | None) -> str | None:
    """Return the codec for an encoding's label, or None where it is none of the web."""
    if not label:
        return None
    plain = label.strip().lower().removeprefix("x-")
    try:
        name = codecs.lookup(_LABELS.get(plain, plain)).name
    except (LookupError, ValueError):  # ValueError: a NUL in the label
        return None
    return _WEB_CODECS.get(name)


def _decode(data: bytes, http_charset: str | None, meta_charset: str | None) -> str:
    for mark, codec in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(codec, "replace")
    declared = [codec for codec in map(web_codec, (http_charset, meta_charset)) if codec]
    for codec in (*declared, "utf-8"):
        text = _strictly(data, codec)
        if text is not None:
            return text
    # A declared encoding with a few wrong bytes is still the best there is.
    codec = declared[0] if declared else web_codec(detect_encoding(data)) or "cp1252"
    return data.decode(codec, "replace")


def _strictly(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return None


def _meta_charset(data: bytes) -> str | None:
    """Return what the page's own `meta` declares; UTF-16 there can only mean UTF-8."""
    match = _META_CHARSET.search(_COMMENT.sub(b"", data[:PRESCAN_BYTES]))
    if match is None:
        return None
    label = match[1].decode("ascii", "replace")
    return "utf-8" if label.lower().startswith("utf-16") else label
