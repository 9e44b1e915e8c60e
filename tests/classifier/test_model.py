"""Prediction: probabilities for any text, and clear words about files that are no model."""

import itertools
from pathlib import Path

import fasttext
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.classifier.model import (
    LABEL_PREFIX,
    MAX_CHARACTERS,
    Model,
    check_model,
    load_model,
    prepare,
    prepared,
)
from pipeline.errors import ConfigError, InputError


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    lines = folder / "lines.txt"
    good, bad = "a calm and careful sentence about rivers", "BUY cheap pills now !!!"
    text = f"__label__positive {prepare(good)}\n__label__negative {prepare(bad)}\n"
    lines.write_text(text * 30)
    model = fasttext.train_supervised(
        str(lines), dim=4, bucket=100, wordNgrams=2, lr=0.5, seed=1, thread=1, verbose=0
    )
    model.save_model(str(folder / "model.bin"))
    return folder / "model.bin"


def as_array(texts: list[str]) -> pa.Array:
    return pa.array(texts, pa.string())


def test_predictions(model_path: Path) -> None:
    texts = ["about rivers, a CALM sentence", "buy pills", "", " \n\t "]
    model = load_model(model_path, check_model(model_path))
    assert model.labels == ("negative", "positive")
    found = model.predict(as_array(texts))
    assert found.dtype == np.float32
    assert found[0, 1] > 0.8 > 0.2 > found[1, 1]
    assert found[2:].tolist() == [[0.5, 0.5]] * 2
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-4)


def test_no_texts(model_path: Path) -> None:
    assert Model(model_path).predict(as_array([])).shape == (0, 2)


def test_fasttext_marks_are_no_words(model_path: Path) -> None:
    model = load_model(model_path, "any")
    plain = model.predict(as_array(["buy cheap pills now"]))
    for mark in ("</s>", "</S>", "\n", "\0", "\u2028", "__label__", "__label__negative"):
        marked = model.predict(as_array([f"{mark} buy cheap {mark} pills now"]))
        np.testing.assert_array_equal(marked, plain)


def prepare_by_hand(text: str) -> str:
    lowered = "".join(letter.lower() for letter in text[:MAX_CHARACTERS].replace("\0", " "))
    words = [word for word in lowered.split() if word != "</s>"]
    return " ".join(word for word in words if not word.startswith(LABEL_PREFIX))


MARKED = st.text(
    st.sampled_from("_label</s>S \n\0AÉßİΣẞ\u2003\x1f\x85")
    | st.characters(exclude_categories=["Cs"])
)
PIECES = st.lists(MARKED | st.sampled_from(["__label__", " </s> ", "</s>", " __label__x "]))


@settings(max_examples=300)
@given(st.lists(PIECES.map("".join), max_size=3))
def test_texts_are_prepared_as_by_hand(texts: list[str]) -> None:
    data, offsets = prepared(pa.array(["é", *texts], pa.string()).slice(1))
    found = [data[a:b].tobytes().decode() for a, b in itertools.pairwise(offsets)]
    assert found == [prepare_by_hand(text) for text in texts]


def test_only_the_beginning_is_looked_at() -> None:
    text = "ÄÖ " * 4_000
    assert prepare(text) == prepare_by_hand(text) == ("äö " * 1_667)[:5_000]
    letters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    for first in range(0, len(letters), MAX_CHARACTERS):
        some = "".join(letters[first : first + MAX_CHARACTERS])
        assert prepare(some) == prepare_by_hand(some)


def test_unknown_label(model_path: Path) -> None:
    model = Model(model_path)
    assert model.column("positive") == model.column("__label__positive") == 1
    with pytest.raises(InputError, match="no label '__label__hq'; it has __label__negative"):
        model.column("__label__hq")


def test_files_that_are_no_model(model_path: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        check_model(tmp_path / "absent.bin")
    whole = model_path.read_bytes()
    path = tmp_path / "other.bin"
    for content in (
        b"",
        b"no model at all",
        *(whole[:n] for n in (40, 70, 100, len(whole) - 1)),
        whole + b"x",
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"other\.bin: not "):
            check_model(path)
