"""Counting tokens: by a rule of thumb, or by a tokenizer of the `tokenizers` library.

Pure but for reading the tokenizer's file, once a process. Special tokens are not counted, and a
tokenizer's own truncation and padding are switched off.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer

from pipeline.errors import ConfigError
from pipeline.fingerprint import file_sha256

BYTES_RULE = "bytes/4"
BYTES_PER_TOKEN = 4


@dataclass(frozen=True)
class NamedTokenizer:
    """A tokenizer.json: where it lies, and the digest that stands for it."""

    path: str
    digest: str


def resolve_tokenizer(tokenizer: str, base: Path) -> NamedTokenizer | None:
    """Return a recipe's `sample.tokenizer`, relative to `base`; None for the rule of thumb.

    Raises ConfigError where the path leads to no tokenizer.
    """
    if tokenizer == BYTES_RULE:
        return None
    path = locate_tokenizer(tokenizer, base)
    load_tokenizer(path)
    return NamedTokenizer(path, file_sha256(Path(path)))


def count_tokens(texts: Sequence[str], tokenizer: str) -> list[int]:
    """Return the number of tokens of each text.

    `tokenizer` is `bytes/4` (UTF-8 bytes divided by four, rounded up) or the path of a
    tokenizer.json. Raises ConfigError where that is no tokenizer.
    """
    if tokenizer == BYTES_RULE:
        return [-(-len(text.encode()) // BYTES_PER_TOKEN) for text in texts]
    encodings = load_tokenizer(tokenizer).encode_batch_fast(texts, add_special_tokens=False)
    return [len(encoding) for encoding in encodings]


def locate_tokenizer(tokenizer: str, base: Path) -> str:
    """Return what `count_tokens` takes for a recipe's `sample.tokenizer`, relative to `base`."""
    return tokenizer if tokenizer == BYTES_RULE else str(base / tokenizer)


@lru_cache(maxsize=4)
def load_tokenizer(path: str) -> Tokenizer:
    """Return the tokenizer of a tokenizer.json, without truncation or padding.

    Raises ConfigError where the file is missing or holds no tokenizer.
    """
    if not Path(path).is_file():
        raise ConfigError(f"{path}: no such tokenizer; give {BYTES_RULE} or a tokenizer.json")
    try:
        tokenizer = Tokenizer.from_file(path)
    except Exception as error:  # the library raises nothing narrower
        raise ConfigError(f"{path}: not a tokenizer.json: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
