"""Tokenizer files of every kind give the merges that their trainer made, in its order."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from pipeline.errors import InputError
from pipeline.estimate.tokenizer.bpe import encode, read_tokenizer, trained_merges

TEXT = (Path(__file__).resolve().parents[3] / "LICENSE").read_text(encoding="utf-8")


def train(path: Path, pre_tokenizer: pre_tokenizers.PreTokenizer) -> list[tuple[str, str]]:
    """Write a tokenizer trained on the licence; return its merges as its file states them."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator([TEXT], trainers.BpeTrainer(vocab_size=600, show_progress=False))
    tokenizer.save(str(path))
    return [(left, right) for left, right in json.loads(path.read_text())["model"]["merges"]]


def varint(number: int) -> bytes:
    rest, last = number >> 7, number & 0x7F
    return bytes([last | 0x80]) + varint(rest) if rest else bytes([last])


def field(number: int, value: bytes | int) -> bytes:
    """Return a field of a protocol buffer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def sentencepiece(pieces: list[str], model_type: int) -> bytes:
    """Return a SentencePiece model: special pieces, then these, then their characters."""
    special = field(1, field(1, b"<unk>") + field(3, 2)) + field(
        1, field(1, b"<0x0A>") + field(3, 6)
    )
    normal = b"".join(
        field(1, field(1, piece.encode()) + b"\x15" + bytes(4) + field(3, 1))
        for piece in [*pieces, *sorted(set("".join(pieces)))]
    )
    return special + normal + field(2, field(1, b"input.txt") + field(3, model_type))


def test_merges_of_a_tokenizer_json_are_all_a_trainers(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    stated = train(path, pre_tokenizers.ByteLevel(add_prefix_space=False))
    read = read_tokenizer(path)
    assert list(read.merges) == stated
    assert read.num_left_out == 0
    assert read.cut(" the Licence, 10") == ["Ġthe", "ĠLicence", ",", "Ġ10"]


def test_a_merges_file_is_read_as_of_bytes(tmp_path: Path) -> None:
    stated = train(tmp_path / "tokenizer.json", pre_tokenizers.ByteLevel(add_prefix_space=False))
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in stated)]
    (tmp_path / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
    read = read_tokenizer(tmp_path / "merges.txt")
    assert list(read.merges) == stated
    assert read.cut(" a\n") == ["Ġa", "Ċ"]


def test_a_sentencepiece_model_gives_back_the_merges(tmp_path: Path) -> None:
    stated = train(tmp_path / "tokenizer.json", pre_tokenizers.Metaspace())
    path = tmp_path / "tokenizer.model"
    path.write_bytes(sentencepiece([left + right for left, right in stated], 2))
    read = read_tokenizer(path)
    assert list(read.merges) == stated
    assert read.cut(" of  the\n") == ["▁of", "▁the"]
    path.write_bytes(sentencepiece(["ab"], 1))
    with pytest.raises(InputError, match=r"tokenizer\.model: a unigram model, which has no merges"):
        read_tokenizer(path)


def test_what_no_trainer_made_is_left_out() -> None:
    merges = [("a", "b"), ("c", "d"), ("ab", "cd"), ("abc", "d"), ("b", "c"), ("x", "yz")]
    assert trained_merges(merges) == [("a", "b"), ("c", "d"), ("ab", "cd"), ("b", "c")]
    ranks = {pair: rank for rank, pair in enumerate(trained_merges(merges))}
    assert encode("abcdbc", ranks) == ["abcd", "bc"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.json", None, "no such file"),
        ("tokenizer.json", b"{}", "not a tokenizer.json"),
        ("tokenizer.model", b"\xff\xff\xff", "not a SentencePiece model"),
        ("tokenizer.model", b"", "it has no pieces"),
        ("merges.txt", b"#version: 0.2\na b c\n", "'a b c' is not a merge of two"),
        ("vocab.bpe", b"\xff\xfe", "not UTF-8"),
    ],
)
def test_what_is_no_bpe_tokenizer_is_refused(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_tokenizer(tmp_path / name)


def test_a_tokenizer_without_merges_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).save(str(path))
    with pytest.raises(InputError, match="its model is WordLevel, which has no merges"):
        read_tokenizer(path)
