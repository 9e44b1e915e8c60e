"""Token counts: by rule of thumb of the masked text, or by a tokenizer file."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from pipeline.annotate.tokens import TokensAnnotator
from pipeline.errors import ConfigError
from pipeline.pii.find import find_pii
from pipeline.tokens import count_tokens, resolve_tokenizer
from schemas.attributes import PII, TOKENS


@pytest.fixture
def tokenizer_file(tmp_path: Path) -> Path:
    """A tokenizer of words that would cut and pad if it were let."""
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, "the": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.enable_truncation(max_length=2)
    tokenizer.enable_padding(length=9)
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    return path


def batch_of(*texts: str) -> pa.RecordBatch:
    spans = pa.array([find_pii(text, ("email",)) for text in texts], PII.field("pii").type)
    ids = [str(index) for index in range(len(texts))]
    return pa.RecordBatch.from_pydict({"id": ids, "text": texts, "pii": spans})


@given(st.text())
def test_bytes_rule_rounds_up(text: str) -> None:
    (count,) = count_tokens([text], "bytes/4")
    assert (count - 1) * 4 < len(text.encode()) <= count * 4


def test_counts_the_masked_text() -> None:
    result = TokensAnnotator().annotate(batch_of("x" * 9, "jane@doe.net", ""))
    assert result.schema == TOKENS
    assert result["num_tokens"].to_pylist() == [3, 2, 0]  # "<EMAIL>" has seven bytes


def test_counts_with_a_tokenizer_uncut_and_unpadded(tokenizer_file: Path) -> None:
    assert count_tokens(["the cat sat on the mat", ""], str(tokenizer_file)) == [6, 0]


def test_a_tokenizer_is_its_content(tokenizer_file: Path) -> None:
    copy = tokenizer_file.with_name("copy.json")
    copy.write_bytes(tokenizer_file.read_bytes())
    first, second = (
        resolve_tokenizer(name, tokenizer_file.parent) for name in ("tokenizer.json", "copy.json")
    )
    assert first is not None
    assert second is not None
    assert first.digest == second.digest
    assert resolve_tokenizer("bytes/4", tokenizer_file.parent) is None


def test_refuses_a_missing_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.json: no such tokenizer"):
        resolve_tokenizer("nowhere.json", tmp_path)


def test_refuses_a_file_that_is_no_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"other\.json: not a tokenizer\.json"):
        resolve_tokenizer("other.json", tmp_path)
