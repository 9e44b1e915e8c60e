"""A BPE tokenizer as its trainer saw it: how text is cut into words, and the merges in order.

Reads a tokenizer.json, a merges.txt or vocab.bpe, a SentencePiece BPE model or tiktoken's ranks.
Always true of what is returned: applied to the characters of what it makes, the merges before a
merge lead to its two parts; what does not hold that (redundant, or added by hand) is left out and
counted.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import BPE

from pipeline.errors import InputError
from pipeline.estimate.tokenizer.ranks import cutter_of, is_ranks, read_ranks
from pipeline.estimate.tokenizer.sentencepiece import read_pieces
from pipeline.fingerprint import file_sha256

Pair = tuple[str, str]
WORD_MARK = "\u2581"  # "▁": how SentencePiece writes a space
SPACED = re.compile(f"{WORD_MARK}*[^{WORD_MARK}]+|{WORD_MARK}+")
HINT = "give a BPE tokenizer.json, merges.txt, vocab.bpe, SentencePiece BPE or .tiktoken file"


@dataclass(frozen=True)
class BpeTokenizer:
    """Merges in the order of training, and how a piece of text falls into words before them.

    `cut`: a piece of text without a break inside (see `words`) → its words, in the alphabet of the
    merges. `suffix` is appended to a word's last symbol, as old tokenizers do.
    """

    name: str
    merges: tuple[Pair, ...]
    num_left_out: int
    cut: Callable[[str], list[str]]
    sha256: str
    suffix: str = ""


def read_tokenizer(path: Path) -> BpeTokenizer:
    """Return the tokenizer that a file holds; raise InputError where it is no BPE."""
    if path.is_dir():
        path = _within(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; {HINT}")
    if path.suffix == ".json":
        return _from_json(path)
    if path.suffix in {".txt", ".bpe"}:
        return _from_merges(path)
    if is_ranks(path):
        return _from_ranks(path)
    return _from_sentencepiece(path)


def _within(folder: Path) -> Path:
    names = ("tokenizer.json", "tokenizer.model", "merges.txt", "vocab.bpe")
    found = next((folder / name for name in names if (folder / name).is_file()), None)
    if found is None:
        raise InputError(f"{folder}: none of {', '.join(names)} is in it; {HINT}")
    return found


def _from_json(path: Path) -> BpeTokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise InputError(f"{path}: not a tokenizer.json: {error}") from error
    if not isinstance(tokenizer.model, BPE):
        kind = type(tokenizer.model).__name__
        raise InputError(f"{path}: its model is {kind}, which has no merges; {HINT}")
    merges = _merges_of(tokenizer)
    suffix = tokenizer.model.end_of_word_suffix or ""
    return _tokenizer(path, merges, _cutter_of(tokenizer, merges), suffix)


def _merges_of(tokenizer: Tokenizer) -> list[Pair]:
    stated = json.loads(tokenizer.to_str())["model"]["merges"]
    parts = [merge.split(" ") if isinstance(merge, str) else merge for merge in stated]
    return [(left, right) for left, right in parts]


def _cutter_of(tokenizer: Tokenizer, merges: Sequence[Pair]) -> Callable[[str], list[str]]:
    """Return how the tokenizer itself cuts text; without a pre-tokenizer, as SentencePiece does."""
    normalizer, cutter = tokenizer.normalizer, tokenizer.pre_tokenizer
    if cutter is None:
        return _cutter_at_spaces(merges)

    def cut(text: str) -> list[str]:
        normal = text if normalizer is None else normalizer.normalize_str(text)
        return [word for word, _ in cutter.pre_tokenize_str(normal)]

    return cut


def _cutter_at_spaces(merges: Iterable[Pair]) -> Callable[[str], list[str]]:
    """Return how SentencePiece cuts text: before spaces, which mark the word; a line is a text.

    Where a merge makes a run of spaces, runs were left as they are.
    """
    return _keep_runs if (WORD_MARK, WORD_MARK) in merges else _cut_at_spaces


def _cut_at_spaces(piece: str) -> list[str]:
    return [WORD_MARK + word for word in piece.split()]


def _keep_runs(piece: str) -> list[str]:
    first, *others = piece.split("\n")
    lines = [first if first.startswith(" ") else " " + first, *(" " + line for line in others)]
    return [word for line in lines for word in SPACED.findall(line.replace(" ", WORD_MARK))]


def _from_merges(path: Path) -> BpeTokenizer:
    """Return a tokenizer whose file has merges alone: of bytes, as GPT-2's, or of characters."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8: {error}; {HINT}") from error
    rows = [line.split(" ") for line in lines if line and not line.startswith("#version")]
    wrong = next((row for row in rows if len(row) != 2), None)
    if wrong is not None or not rows:
        raise InputError(f"{path}: {' '.join(wrong or [])!r} is not a merge of two; {HINT}")
    suffix = "</w>" if any(right.endswith("</w>") for _, right in rows) else ""
    cutter = (
        pre_tokenizers.BertPreTokenizer()
        if suffix
        else pre_tokenizers.ByteLevel(add_prefix_space=False)
    )
    return _tokenizer(
        path,
        [(left, right) for left, right in rows],
        lambda text: [word for word, _ in cutter.pre_tokenize_str(text)],
        suffix,
    )


def _from_sentencepiece(path: Path) -> BpeTokenizer:
    merges, num_left_out = _merges_of_pieces(read_pieces(path))
    cut = _cutter_at_spaces(merges)
    return BpeTokenizer(path.name, tuple(merges), num_left_out, cut, file_sha256(path))


def _from_ranks(path: Path) -> BpeTokenizer:
    tokens = read_ranks(path)
    merges, num_left_out = _merges_of_pieces(tokens)
    cut = cutter_of(len(tokens))
    return BpeTokenizer(path.name, tuple(merges), num_left_out, cut, file_sha256(path))


def _tokenizer(
    path: Path, merges: Iterable[Pair], cut: Callable[[str], list[str]], suffix: str
) -> BpeTokenizer:
    stated = list(merges)
    made = trained_merges(stated, suffix)
    num_left_out = len(stated) - len(made)
    return BpeTokenizer(path.name, tuple(made), num_left_out, cut, file_sha256(path), suffix)


def trained_merges(merges: Iterable[Pair], suffix: str = "") -> list[Pair]:
    """Return the merges that a trainer can have made in this order."""
    ranks: dict[Pair, int] = {}
    for left, right in merges:
        if encode(left + right, ranks, suffix) == [left, right]:
            ranks[left, right] = len(ranks)
    return list(ranks)


def _merges_of_pieces(pieces: Iterable[str]) -> tuple[list[Pair], int]:
    """Return the merges that make the pieces, in their order, and how many have none."""
    ranks: dict[Pair, int] = {}
    num_left_out = 0
    for piece in pieces:
        parts = encode(piece, ranks)
        if len(parts) == 2:
            ranks[parts[0], parts[1]] = len(ranks)
        else:
            num_left_out += len(parts) > 2
    return list(ranks), num_left_out


def alphabet(word: str, suffix: str = "") -> list[str]:
    """Return the symbols that a word begins with: its characters."""
    if suffix and word.endswith(suffix):
        word = word.removesuffix(suffix)
        return [*word[:-1], word[-1:] + suffix]
    return list(word)


def encode(word: str, ranks: dict[Pair, int], suffix: str = "") -> list[str]:
    """Return the symbols that merges make of a word, the earliest merge first."""
    symbols = alphabet(word, suffix)
    while len(symbols) > 1:
        found = [(ranks.get(pair, len(ranks)), pair) for pair in pairwise(symbols)]
        rank, pair = min(found)
        if rank == len(ranks):
            break
        symbols = _merged(symbols, pair)
    return symbols


def _merged(symbols: list[str], pair: Pair) -> list[str]:
    merged: list[str] = []
    for symbol in symbols:
        if merged and (merged[-1], symbol) == pair:
            merged[-1] += symbol
        else:
            merged.append(symbol)
    return merged
