"""Files that list a byte-level tokenizer's tokens by rank: tiktoken's format.

A line is a token in base64, a space and its rank. Returns tokens in the alphabet of bytes that
tokenizer.json uses. Which pattern cuts text into words such a file does not say: it is taken to be
GPT-2's for about 50,000 tokens, GPT-4's for more.
"""

import base64
import binascii
import re
from collections.abc import Callable
from pathlib import Path

from tokenizers import Regex, pre_tokenizers

from pipeline.errors import InputError

LINE = re.compile(rb"[A-Za-z0-9+/]+=* [0-9]+")
EMPTY = b"="  # a token of no bytes, which some files have
MAX_TOKENS_OF_GPT2 = 52_000
GPT4_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_PRINTABLE = (*range(33, 127), *range(161, 173), *range(174, 256))
_OTHERS = sorted(set(range(256)) - set(_PRINTABLE))
LETTERS = {byte: chr(byte) for byte in _PRINTABLE} | {
    byte: chr(256 + place) for place, byte in enumerate(_OTHERS)
}
"""The letter that stands for each byte in tokenizer.json: itself where it is printable."""


def is_ranks(path: Path) -> bool:
    """Return whether the file's first line is a token and a rank."""
    with path.open("rb") as file:
        return LINE.fullmatch(file.readline(1_000).strip()) is not None


def read_ranks(path: Path) -> list[str]:
    """Return the tokens of two bytes and more, by rank; raise InputError for a wrong line."""
    tokens = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        token, _, rank = line.partition(b" ")
        try:
            content = base64.b64decode(token, validate=True) if token != EMPTY else b""
            tokens.append((int(rank), content))
        except (ValueError, binascii.Error) as error:
            raise InputError(
                f"{path}: line {number} is not a token in base64 and its rank: {error}"
            ) from error
    return ["".join(LETTERS[byte] for byte in token) for _, token in sorted(tokens) if token[1:]]


def cutter_of(num_tokens: int) -> Callable[[str], list[str]]:
    """Return what cuts text into words, in the alphabet of bytes."""
    if num_tokens < MAX_TOKENS_OF_GPT2:
        cutter: pre_tokenizers.PreTokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        split = pre_tokenizers.Split(Regex(GPT4_PATTERN), "isolated")
        in_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        cutter = pre_tokenizers.Sequence([split, in_bytes])
    return lambda text: [word for word, _ in cutter.pre_tokenize_str(text)]
