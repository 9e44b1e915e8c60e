"""Figures of classifiers against slow, obvious counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.classifier.figures import calibration, evaluate, rank_auc

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30)


@settings(max_examples=100)
@given(PAIRS)
def test_auc_is_the_share_of_pairs_in_order(pairs: list[tuple[int, bool]]) -> None:
    positive = [score for score, is_positive in pairs if is_positive]
    negative = [score for score, is_positive in pairs if not is_positive]
    scores = np.array([score for score, _ in pairs], np.float32)
    found = rank_auc(scores, np.array([is_positive for _, is_positive in pairs]))
    wins = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    assert found == (pytest.approx(np.mean(wins)) if wins else None)


def test_evaluate() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]], np.float32)
    figures = evaluate(probabilities, np.array([0, 0, 1, 1]), ("bad", "good"))
    assert figures["accuracy"] == 0.75
    assert figures["auc"] == 1.0
    assert figures["labels"]["good"] == {
        "num_texts": 2, "precision": 1.0, "recall": 0.5, "auc": 1.0,
    }  # fmt: skip
    assert figures["labels"]["bad"]["precision"] == pytest.approx(2 / 3, abs=1e-6)
    assert figures["confusion"]["rows_true_columns_predicted"] == [[2, 0], [1, 1]]


def test_confusion_is_counted_by_domain() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]], np.float32)
    truth, domains = np.array([0, 0, 1, 1]), ["web", "web", "code", ""]
    confusion = evaluate(probabilities, truth, ("bad", "good"), domains)["confusion"]
    assert confusion["rows_true_columns_predicted"] == [[1, 1], [1, 1]]
    assert confusion["by_domain"] == {"code": [[0, 0], [1, 0]], "web": [[1, 1], [0, 0]]}


def test_no_texts_no_figures() -> None:
    figures = evaluate(np.zeros((0, 2), np.float32), np.zeros(0, np.int64), ("bad", "good"))
    assert figures["accuracy"] is None
    assert figures["auc"] is None
    assert all(row["num_predictions"] == 0 for row in figures["calibration"])


def test_calibration_counts_every_probability_once() -> None:
    probabilities = np.array([[1.0, 0.0], [0.95, 0.05], [0.65, 0.35]], np.float32)
    rows = calibration(probabilities, np.array([0, 0, 1]))
    assert sum(row["num_predictions"] for row in rows) == 6
    assert rows[9]["num_predictions"] == 2
    assert rows[9]["true_fraction"] == 1.0
    assert rows[6]["true_fraction"] == 0.0
    assert rows[3]["mean_probability"] == pytest.approx(0.35, abs=1e-6)
