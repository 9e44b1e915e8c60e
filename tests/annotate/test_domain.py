"""The domain attribute: what the source states stays, the rest is classified."""

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.annotate.domain import DomainAnnotator
from pipeline.classifier.examples import LabelledText
from pipeline.classifier.training import TrainedModel, TrainingSettings, train_model
from pipeline.errors import InputError
from pipeline.store import Store
from schemas.attributes import DOMAIN

SETTINGS = TrainingSettings(dimensions=4, num_buckets=1_000, min_count=1)
WORDS = {"code": "def return self import", "legal": "section act shall hereby"}


def train(folder: Path, rename: str = "code") -> TrainedModel:
    examples = [
        LabelledText(rename if label == "code" else label, f"{words} {index}")
        for label, words in WORDS.items()
        for index in range(40)
    ]
    return train_model(Store(folder), "domain", examples, SETTINGS, seed=0)


def batch(*rows: tuple[str, str | None]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "id": [f"d{index}" for index in range(len(rows))],
            "text": [text for text, _ in rows],
            "domain": pa.array([domain for _, domain in rows], pa.string()),
            "source": ["pages"] * len(rows),
        }
    )


def test_stated_domains_need_no_model() -> None:
    result = DomainAnnotator(None, None).annotate(batch(("some text", "news"), ("", "books")))
    assert result.schema.equals(DOMAIN)
    assert result.column("domain").to_pylist() == ["news", "books"]
    assert result.column("domain_confidence").to_pylist() == [1.0, 1.0]


def test_the_rest_is_classified(tmp_path: Path) -> None:
    model = train(tmp_path)
    annotator = DomainAnnotator(model.path, model.sha256)
    rows = [("shall hereby", None), ("shall hereby", "news"), ("import self", None)]
    result = annotator.annotate(batch(*rows))
    assert result.column("domain").to_pylist() == ["legal", "news", "code"]
    sure = result.column("domain_confidence").to_pylist()
    assert sure[1] == 1.0
    assert 0.8 < sure[0] <= 1.0
    assert annotator.identity != DomainAnnotator(None, None).identity


def test_no_model_to_ask() -> None:
    with pytest.raises(InputError, match="source pages says `domain: auto` and there is no label"):
        DomainAnnotator(None, None).annotate(batch(("text", "news"), ("text", None)))


def test_labels_that_are_no_domains(tmp_path: Path) -> None:
    model = train(tmp_path, rename="poems")
    with pytest.raises(InputError, match="labels poems are no domains; known: web"):
        DomainAnnotator(model.path, model.sha256).annotate(batch(("text", None)))
