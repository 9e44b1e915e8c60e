"""Prediction: probabilities for any text, and clear words about files that are no model."""

from pathlib import Path

import fasttext
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.classifier.model import (
    END_OF_LINE,
    LABEL_PREFIX,
    Model,
    check_model,
    load_model,
    predict,
    prepare,
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


def test_predictions(model_path: Path) -> None:
    texts = ["about rivers, a CALM sentence", "buy pills", "", " \n\t "]
    found = predict(model_path, check_model(model_path), texts)
    assert list(found) == ["negative", "positive"]
    assert found["positive"].dtype == np.float32
    assert found["positive"][0] > 0.8 > 0.2 > found["positive"][1]
    assert found["positive"][2:].tolist() == [0.5, 0.5]
    np.testing.assert_allclose(found["positive"] + found["negative"], 1, atol=1e-4)


def test_no_texts(model_path: Path) -> None:
    assert Model(model_path).predict([]).shape == (0, 2)


def test_fasttext_marks_within_a_text_are_words_like_any_other(model_path: Path) -> None:
    model = load_model(model_path, "any")
    plain = model.predict(["buy cheap pills now"])
    for mark in ("</s>", "</S>", "\n", "\0", "\u2028", "__label__"):
        marked = model.predict([f"{mark}buy cheap {mark} pills now"])
        np.testing.assert_array_equal(marked, plain)


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("_label</s>S \n\0AÉß") | st.characters(exclude_categories=["Cs"])))
def test_prepared_text_is_one_line_without_marks(text: str) -> None:
    prepared = prepare(text)
    assert LABEL_PREFIX not in prepared
    assert END_OF_LINE not in prepared.split(" ")
    assert prepared == " ".join(prepared.split())
    assert prepare(prepared) == prepared


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
    for content in (b"", b"no model at all", *(whole[:n] for n in (40, 70, 100, len(whole) - 1))):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"other\.bin: not "):
            check_model(path)
