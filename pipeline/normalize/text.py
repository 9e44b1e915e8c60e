"""The one form that every document's text has.

Always true of the result: NFC, lines end in a newline and in no space, no control characters but
tab and newline, no invisible characters that carry no meaning, never more than two blank lines in a
row, none at either end. Idempotent. Indentation is never touched.
"""

import re
import unicodedata

# Removed: C0 and C1 controls, soft hyphen, zero-width space, word joiner and invisible operators,
# deprecated format characters, byte order mark, interlinear marks. Kept: the joiners U+200C and
# U+200D, which spell words in Persian and Indic scripts and build emoji, and the marks that order
# right-to-left text.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u180e\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb]"
)
_LINE_END = re.compile("\r\n?|[\u2028\u2029]")
_MANY_BLANK_LINES = re.compile("\n{4,}")


def normalize_text(text: str) -> str:
    """Return `text` in the project's one form; the empty string where nothing is left."""
    if "\r" in text or "\u2028" in text or "\u2029" in text:  # three searches beat one pattern
        text = _LINE_END.sub("\n", text)
    text = _INVISIBLE.sub("", text)
    if not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    text = "\n".join([line.rstrip() for line in text.split("\n")])
    if "\n\n\n\n" in text:
        text = _MANY_BLANK_LINES.sub("\n\n", text)
    return text.strip("\n")
