"""Verdicts: the published thresholds, the order of reasons, and whom the rules spare."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.filter.rules import RULES, Rule
from pipeline.filter.verdict import COMPARE, judge
from schemas.attributes import COUNTS, FRACTIONS, HEURISTICS, VERDICT
from schemas.recipe import Cleaning, Languages

ALL_RULES = [rule for rules in RULES.values() for rule in rules]

# A document that passes everything.
GOOD: dict[str, Any] = {
    "domain": "web",
    "language": "en",
    "language_confidence": 0.99,
    "contaminated_by": None,
    "contamination_span": None,
    **dict.fromkeys((*COUNTS, *FRACTIONS), 0),
    "num_characters": 3000,
    "num_words": 500,
    "num_stop_words": 8,
    "num_lines": 10,
    "num_prose_sentences": 20,
    "mean_word_length": 5.0,
    "alphabetic_word_fraction": 0.98,
    "punctuated_line_fraction": 0.9,
}


def batch_of(*rows: dict[str, Any]) -> pa.RecordBatch:
    filled = [{**GOOD, **row, "id": str(index)} for index, row in enumerate(rows)]
    types = {
        **{field.name: field.type for field in HEURISTICS},
        "language_confidence": pa.float32(),
    }
    return pa.RecordBatch.from_pydict(
        {
            name: pa.array([row[name] for row in filled], types.get(name, pa.string()))
            for name in filled[0]
        }
    )


def verdict_on(row: dict[str, Any], cleaning: Cleaning | None = None) -> dict[str, Any]:
    result = judge(batch_of(row), cleaning or Cleaning())
    assert result.schema == VERDICT
    (verdict,) = result.to_pylist()
    return verdict


def failing_value(rule: Rule) -> float:
    """Return a value of the rule's column that it does not let pass."""
    step = 1 if rule.column in COUNTS else 0.005
    beyond = rule.threshold - step if rule.comparison.startswith(">") else rule.threshold + step
    return rule.threshold if rule.comparison in "<>" else beyond


def test_a_good_document_passes() -> None:
    assert verdict_on({}) == {"id": "0", "stage": None, "reason": None, "evidence": None}


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda r: f"{r.reason}{r.comparison}{r.threshold}")
def test_every_rule_drops_beyond_its_threshold_and_says_so(rule: Rule) -> None:
    value = failing_value(rule)
    verdict = verdict_on({rule.column: value}, Cleaning(rules=(rule.rule_set,)))
    assert (verdict["stage"], verdict["reason"]) == ("filter", rule.reason)
    evidence = json.loads(verdict["evidence"])
    assert evidence == {"value": pytest.approx(value), "threshold": rule.threshold}


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda r: f"{r.reason}{r.comparison}{r.threshold}")
def test_a_value_on_the_threshold_is_judged_as_published(rule: Rule) -> None:
    verdict = verdict_on({rule.column: rule.threshold}, Cleaning(rules=(rule.rule_set,)))
    assert (verdict["reason"] is None) == (rule.comparison in (">=", "<="))


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda r: f"{r.reason}{r.comparison}{r.threshold}")
def test_every_rule_reads_a_column_that_is_measured(rule: Rule) -> None:
    assert rule.column in HEURISTICS.names
    assert rule.source
    assert rule in RULES[rule.rule_set]


def test_domains_without_rules_skip_them_but_not_the_rest() -> None:
    awful = {"domain": "code", "num_words": 1, "duplicate_line_fraction": 0.9}
    assert verdict_on(awful)["reason"] is None
    assert verdict_on({**awful, "num_characters": 3})["reason"] == "too_short"
    contaminated = {**awful, "contaminated_by": "f#1", "contamination_span": "a b"}
    assert verdict_on(contaminated)["reason"] == "contaminated"


def test_a_book_may_be_long_and_a_page_may_not() -> None:
    assert verdict_on({"num_words": 150_000})["reason"] == "gopher_quality/num_words"
    assert verdict_on({"num_words": 150_000, "domain": "books"})["reason"] is None


def test_rules_of_words_leave_unspaced_languages_alone() -> None:
    few_words = {"num_words": 3, "mean_word_length": 90.0, "num_prose_sentences": 0}
    assert verdict_on({**few_words, "language": "ja"})["reason"] is None
    assert verdict_on({**few_words, "language": "fi"})["reason"] == "gopher_quality/num_words"


def test_stop_words_are_asked_of_english_alone() -> None:
    assert verdict_on({"num_stop_words": 0})["reason"] == "gopher_quality/num_stop_words"
    assert verdict_on({"num_stop_words": 0, "language": "de"})["reason"] is None


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"language": "de", "language_confidence": 0.9}, None),
        ({"language": "fr"}, "language_not_kept"),
        ({"language": "en", "language_confidence": 0.79}, "language_uncertain"),
        ({"language": "en", "language_confidence": 0.8}, None),
        ({"language": "fr", "domain": "code"}, None),
        ({"language": "zxx", "domain": "math"}, None),
    ],
)
def test_languages(row: dict[str, Any], reason: str | None) -> None:
    cleaning = Cleaning(languages=Languages(keep=("en", "de"), min_confidence=0.8))
    verdict = verdict_on(row, cleaning)
    assert verdict["reason"] == reason
    assert verdict["stage"] == ("language" if reason else None)
    if reason:
        assert json.loads(verdict["evidence"])["language"] == row["language"]


def test_a_recipe_that_names_no_language_keeps_all() -> None:
    assert verdict_on({"language": "sw", "language_confidence": 0.01})["reason"] is None


def test_contamination_names_the_item_and_the_words() -> None:
    verdict = verdict_on({"contaminated_by": "gsm8k.jsonl#7", "contamination_span": "how many"})
    assert (verdict["stage"], verdict["reason"]) == ("decontaminate", "contaminated")
    assert json.loads(verdict["evidence"]) == {"item": "gsm8k.jsonl#7", "span": "how many"}


def test_the_first_reason_wins() -> None:
    cleaning = Cleaning(languages=Languages(keep=("en",)), rules=("c4", "gopher_quality"))
    faults: list[tuple[str, dict[str, Any]]] = [
        ("too_short", {"num_characters": 49}),
        ("language_not_kept", {"language": "fr"}),
        ("c4/num_curly_bracket_lines", {"num_curly_bracket_lines": 1}),
        ("gopher_quality/num_words", {"num_words": 10}),
        ("contaminated", {"contaminated_by": "f#1"}),
    ]
    rows = [{k: v for _, fault in faults[i:] for k, v in fault.items()} for i in range(len(faults))]
    found = judge(batch_of(*rows), cleaning)["reason"].to_pylist()
    assert found == [reason for reason, _ in faults]


def test_an_empty_batch_has_an_empty_verdict() -> None:
    assert judge(batch_of({}).slice(0, 0), Cleaning()).num_rows == 0


values = st.fixed_dictionaries(
    {column: st.sampled_from([0.0, 0.005, 0.1, 0.12, 0.3, 0.67, 0.9, 1.0]) for column in FRACTIONS}
)


@settings(max_examples=50)
@given(st.lists(values, min_size=1, max_size=5))
def test_agrees_with_judging_row_by_row(rows: list[dict[str, Any]]) -> None:
    found = judge(batch_of(*rows), Cleaning())["reason"].to_pylist()
    for row, reason in zip(batch_of(*rows).to_pylist(), found, strict=True):
        failed = [
            rule.reason
            for rule in ALL_RULES
            # the column holds float32, so the threshold is one too
            if not COMPARE[rule.comparison](row[rule.column], as_float32(rule.threshold))
        ]
        assert reason == (failed[0] if failed else None)


def as_float32(value: float) -> float:
    return float(pa.array([value], pa.float32())[0].as_py())
