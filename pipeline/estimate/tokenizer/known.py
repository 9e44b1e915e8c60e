"""Tokenizers that are known, recognised by their first merges.

Reads data/tokenizers/known.yaml. A tokenizer that adds tokens to another, or is the same in another
format, begins with the same merges.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from pipeline.config import load_config
from pipeline.estimate.tokenizer.bpe import WORD_MARK
from pipeline.estimate.tokenizer.ranks import LETTERS
from schemas.tokenizer import KnownTokenizer, KnownTokenizers

KNOWN = Path(__file__).resolve().parents[3] / "data" / "tokenizers" / "known.yaml"
BYTES = {letter: byte for byte, letter in LETTERS.items()}


def recognise(merges: Sequence[tuple[str, str]]) -> KnownTokenizer | None:
    """Return the known tokenizer that begins with these merges; None where there is none."""
    for known in load_config(KNOWN, KnownTokenizers).tokenizers:
        if tuple(islice(_made(merges), len(known.first))) == known.first:
            return known
    return None


def readable(token: str) -> str:
    """Return a token of the alphabet of bytes, or of SentencePiece, as it looks in text."""
    try:
        return bytes(BYTES[letter] for letter in token).decode()
    except (KeyError, UnicodeDecodeError):
        return token.replace(WORD_MARK, " ")


def _made(merges: Sequence[tuple[str, str]]) -> Iterator[str]:
    for left, right in merges:
        made = readable(left + right)
        if not made.isspace():
            yield made
