"""Language: right on real translations, whatever piece of them is read."""

import gzip
import json
import unicodedata
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotate.language import (
    GLANCE,
    PIECES,
    SURE,
    LanguageAnnotator,
    _identifier,
    identify_languages,
    sample_text,
)
from schemas.attributes import LANGUAGE

# UDHR file codes (ISO 639-3) of some languages that the model knows.
UDHR = {
    "arb": "ar", "bul": "bg", "ces": "cs", "cmn_hans": "zh", "dan": "da", "deu": "de",
    "ell_monotonic": "el", "eng": "en", "est": "et", "fin": "fi", "fra": "fr", "heb": "he",
    "hin": "hi", "hun": "hu", "ita": "it", "jpn": "ja", "kor": "ko", "lit": "lt", "nld": "nl",
    "pol": "pl", "por_BR": "pt", "ron": "ro", "rus": "ru", "slv": "sl", "spa": "es", "swe": "sv",
    "tha": "th", "tur": "tr", "ukr": "uk", "vie": "vi",
}  # fmt: skip


def identify_language(text: str) -> tuple[str, float]:
    languages, confidences = identify_languages(pa.array([text, "x"], pa.string()))
    return languages[0], float(confidences[0])


def assert_as_the_library(texts: list[str]) -> None:
    found = identify_languages(pa.array(["", *texts], pa.string()).slice(1))
    for text, language, confidence in zip(texts, *found, strict=True):
        expected, probability = _identifier().classify(sample_text(text, GLANCE))
        if probability < SURE or sample_text(text, GLANCE).isupper():
            expected, probability = _identifier().classify(sample_text(text, PIECES))
        assert language == expected
        if language != "und":
            assert confidence == pytest.approx(probability, abs=1.1e-3)


def test_the_library_says_the_same_of_translations(corpora: Path) -> None:
    """Of all 500 languages, the model's own and others, and in capitals, which it reads lowered."""
    with gzip.open(corpora / "multilingual/udhr2.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [unicodedata.normalize("NFC", json.loads(line)["text"]) for line in lines]
    assert_as_the_library([*texts, *(text[:700] for text in texts)])
    assert_as_the_library([text[:500].upper() for text in texts if "ς" not in text])


@settings(max_examples=100)
@given(st.lists(st.text("aé文 \nǅΩ") | st.text(), max_size=3), st.integers(1, 300))
def test_the_library_says_the_same_of_anything(texts: list[str], times: int) -> None:
    assert_as_the_library([unicodedata.normalize("NFC", text * times) for text in texts])


def test_names_the_language_of_translations(corpora: Path) -> None:
    with gzip.open(corpora / "multilingual/udhr2.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = {record["lang"]: record["text"] for record in map(json.loads, lines)}
    named = {code: identify_language(texts[code])[0] for code in UDHR}
    assert named == UDHR


@pytest.mark.parametrize("language", ["el", "en", "ro", "tr", "vi"])
def test_names_the_language_of_paragraphs(corpora: Path, language: str) -> None:
    with gzip.open(corpora / f"multilingual/xquad/xquad.{language}.json.gz") as stream:
        articles = json.load(stream)["data"]
    texts = [paragraph["context"] for article in articles for paragraph in article["paragraphs"]]
    right = sum(identify_language(text)[0] == language for text in texts)
    assert right >= 0.99 * len(texts)


@pytest.mark.parametrize("text", ["", "   \n", "a", "🙂"])
def test_admits_that_there_is_nothing_to_go_by(text: str) -> None:
    language, confidence = identify_language(text)
    assert confidence < 0.1
    assert language == "und" or text == "🙂"


@settings(max_examples=50)
@given(st.text())
def test_confidence_is_a_probability(text: str) -> None:
    language, confidence = identify_language(text)
    assert language
    assert 0 <= confidence <= 1


@settings(max_examples=50)
@given(st.text(max_size=3000))
def test_a_sample_is_short_and_keeps_both_ends(text: str) -> None:
    sample = sample_text(text)
    assert len(sample) <= 1004
    assert sample[:200] == text[:200]
    assert sample[-200:] == text[-200:]


def test_annotates_every_row() -> None:
    texts = ["The cat sat on the mat.", "Der Hund schläft auf dem Sofa.", "def f(x): return x"]
    batch = pa.RecordBatch.from_pydict({"id": ["a", "b", "c"], "text": texts})
    result = LanguageAnnotator().annotate(batch)
    assert result.schema == LANGUAGE
    assert result["id"].to_pylist() == ["a", "b", "c"]
    assert result["language"].to_pylist()[:2] == ["en", "de"]
