"""Files of ranks are read, known tokenizers are recognised, and tokens are shown as text."""

import base64
from pathlib import Path

import pytest
from tokenizers import pre_tokenizers

from pipeline.config import load_config
from pipeline.errors import InputError
from pipeline.estimate.tokenizer.bpe import read_tokenizer
from pipeline.estimate.tokenizer.known import KNOWN, readable, recognise
from pipeline.estimate.tokenizer.ranks import LETTERS
from schemas.tokenizer import KnownTokenizers

RANKS = [
    *(bytes([byte]) for byte in range(256)),
    b" t",
    b"he",
    b" the",
    b"\xc3\xa9",
    b"",
    b"e\xc3\xa9",
]


def write_ranks(path: Path, tokens: list[bytes]) -> Path:
    lines = [base64.b64encode(token) or b"=" for token in tokens]
    path.write_bytes(b"".join(line + b" %d\n" % rank for rank, line in enumerate(lines)))
    return path


def test_letters_are_those_of_the_library() -> None:
    assert sorted(LETTERS.values()) == sorted(pre_tokenizers.ByteLevel.alphabet())
    cut = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    for byte, letter in LETTERS.items():
        if byte < 128:
            assert cut.pre_tokenize_str(chr(byte))[0][0] == letter


def test_ranks_give_merges_in_order(tmp_path: Path) -> None:
    tokenizer = read_tokenizer(write_ranks(tmp_path / "some.tiktoken", RANKS))
    assert tokenizer.merges == (("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("Ã", "©"), ("e", "Ã©"))
    assert tokenizer.cut("a the") == ["a", "Ġthe"]


def test_a_wrong_line_of_ranks_is_named(tmp_path: Path) -> None:
    path = write_ranks(tmp_path / "some.tiktoken", RANKS)
    path.write_bytes(path.read_bytes() + b"!! 300\n")
    with pytest.raises(InputError, match=r"some.tiktoken: line 263 is not a token"):
        read_tokenizer(path)


def test_tokens_are_shown_as_they_stand_in_text() -> None:
    assert readable("Ġthe") == " the"
    assert readable("âĢľ") == "“"
    assert readable("▁été") == " été"
    assert readable("Ã") == "Ã"  # a part of a character


def test_every_known_tokenizer_is_recognised_by_its_first_tokens() -> None:
    known = load_config(KNOWN, KnownTokenizers).tokenizers
    assert len({each.first for each in known}) == len(known)
    for each in known:
        merges = [("▁", "▁"), *((token[:1].replace(" ", "Ġ"), token[1:]) for token in each.first)]
        assert recognise(merges) == each
        assert recognise(merges[2:]) is None
