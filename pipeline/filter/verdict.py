"""The verdict on each document: passes, or the first reason why not, with the evidence.

Reads attributes alone; writes VERDICT. The order is fixed: length, language, the recipe's rule
sets, contamination. Rows are judged in columns; only those that fail are touched one by one.
"""

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.filter.rules import RULES, UNSPACED_LANGUAGES, Comparison, Rule
from pipeline.fingerprint import canonical_json
from schemas.attributes import VERDICT
from schemas.recipe import Cleaning

Flags = npt.NDArray[np.bool_]

# Their text is no language, or too little of one to go by.
LANGUAGE_FREE_DOMAINS = ("code", "math")

COMPARE: dict[Comparison, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}


@dataclass(frozen=True)
class Check:
    """One test of a whole batch: who fails it, and what to write down."""

    stage: str
    reason: str
    failing: Flags  # shape (rows,)
    evidence: dict[str, Any]  # values, or arrays with a value for each row


def judge(batch: pa.RecordBatch, cleaning: Cleaning) -> pa.RecordBatch:
    """Return VERDICT for a batch with the columns of LANGUAGE, HEURISTICS, DOMAIN, CONTAMINATION.

    Of several reasons the first counts; all three columns are null for a document that passes.
    """
    rows: list[tuple[str | None, str | None, str | None]] = [(None, None, None)] * batch.num_rows
    undecided = np.ones(batch.num_rows, np.bool_)
    for check in checks(batch, cleaning):
        for row in np.flatnonzero(check.failing & undecided).tolist():
            rows[row] = (check.stage, check.reason, _evidence(check, row))
        undecided &= ~check.failing
    columns = [pa.array([row[i] for row in rows], pa.string()) for i in range(3)]
    return pa.RecordBatch.from_arrays([batch.column("id"), *columns], schema=VERDICT)


def checks(batch: pa.RecordBatch, cleaning: Cleaning) -> Iterator[Check]:
    """Yield the checks of a batch in the order of judgement."""
    yield _length_check(batch, cleaning)
    yield from _language_checks(batch, cleaning)
    exempt = ~_is_in(batch.column("domain"), cleaning.rule_domains)
    for rule_set in cleaning.rules:
        for rule in RULES[rule_set]:
            yield _rule_check(batch, rule, exempt)
    yield _contamination_check(batch)


def _length_check(batch: pa.RecordBatch, cleaning: Cleaning) -> Check:
    length = batch.column("num_characters").to_numpy()
    evidence = {"value": length, "threshold": cleaning.min_characters}
    return Check("filter", "too_short", length < cleaning.min_characters, evidence)


def _language_checks(batch: pa.RecordBatch, cleaning: Cleaning) -> Iterator[Check]:
    """Yield nothing where the recipe keeps all languages: an unsure guess then harms nobody."""
    wanted = cleaning.languages
    if not wanted.keep:
        return
    judged = ~_is_in(batch.column("domain"), LANGUAGE_FREE_DOMAINS)
    kept = _is_in(batch.column("language"), wanted.keep)
    confidence = batch.column("language_confidence").to_numpy()
    unsure = confidence < np.float32(wanted.min_confidence)
    evidence = {"language": batch.column("language"), "confidence": confidence}
    yield Check("language", "language_not_kept", judged & ~kept, evidence)
    evidence = {**evidence, "threshold": wanted.min_confidence}
    yield Check("language", "language_uncertain", judged & kept & unsure, evidence)


def _rule_check(batch: pa.RecordBatch, rule: Rule, exempt: Flags) -> Check:
    values = batch.column(rule.column).to_numpy()
    # In the column's own type: 0.1 as a float32 is more than 0.1 as a float64.
    passes = COMPARE[rule.comparison](values, values.dtype.type(rule.threshold))
    spared = exempt | ~_in_scope(batch, rule) | _is_in(batch.column("domain"), rule.exempt_domains)
    evidence = {"value": values, "threshold": rule.threshold}
    return Check("filter", rule.reason, ~passes & ~spared, evidence)


def _in_scope(batch: pa.RecordBatch, rule: Rule) -> Flags:
    """Say of each document whether the rule applies to its language."""
    if rule.scope == "english":
        return _is_in(batch.column("language"), ("en",))
    if rule.scope == "spaced":
        return ~_is_in(batch.column("language"), UNSPACED_LANGUAGES)
    return np.ones(batch.num_rows, np.bool_)


def _contamination_check(batch: pa.RecordBatch) -> Check:
    by = batch.column("contaminated_by")
    failing = pc.is_valid(by).to_numpy(zero_copy_only=False)
    evidence = {"item": by, "span": batch.column("contamination_span")}
    return Check("decontaminate", "contaminated", failing, evidence)


def _is_in(column: pa.Array, values: tuple[str, ...]) -> Flags:
    found = pc.is_in(column, value_set=pa.array(values, pa.string()))
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _evidence(check: Check, row: int) -> str:
    """Return the check's evidence on one row as JSON; floats with six significant digits."""
    return canonical_json({name: _value(held, row) for name, held in check.evidence.items()})


def _value(held: Any, row: int) -> Any:
    if isinstance(held, pa.Array):
        return held[row].as_py()
    value = held[row].item() if isinstance(held, np.ndarray) else held
    return float(f"{value:.6g}") if isinstance(value, float) else value
