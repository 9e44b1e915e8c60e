"""Drawing the anchor corpus: a fate for every document, whatever the order of the rows."""

import hashlib
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import InputError, IntegrityError
from pipeline.sample.decisions import FATES, SELECTION
from pipeline.sample.stage import Drawn, draw_sample
from schemas.domain import DOMAINS
from schemas.manifest import DomainCounts
from schemas.recipe import Sample

Row = tuple[str, str, int]
CANDIDATES = pa.schema(
    [
        ("id", pa.string()),
        ("domain", pa.string()),
        ("num_tokens", pa.int64()),
        ("quality_band", pa.int8()),
    ]
)


def as_table(rows: list[Row]) -> pa.Table:
    names = CANDIDATES.names
    return pa.Table.from_pylist(
        [dict(zip(names, row, strict=False)) for row in rows], schema=CANDIDATES
    )


def make_rows(num_documents: dict[str, int], num_tokens: int = 100) -> list[Row]:
    """Documents of between half and one and a half times `num_tokens`."""
    return [
        (f"{domain}-{i}", domain, num_tokens // 2 + i * 7919 % num_tokens)
        for domain, count in num_documents.items()
        for i in range(count)
    ]


def by_name(drawn: Drawn) -> dict[str, DomainCounts]:
    return {counts.name: counts for counts in drawn.domains}


rows_strategy = st.lists(
    st.tuples(st.sampled_from(["web", "books", "code", "legal"]), st.integers(0, 200)),
    min_size=1,
    max_size=60,
).map(lambda pairs: [(f"d{i}", domain, size) for i, (domain, size) in enumerate(pairs)])
configs = st.builds(
    Sample,
    tokens=st.integers(50, 5000),
    max_epochs=st.floats(1, 4),
    max_epochs_by_domain=st.sampled_from([{}, {"books": 2.5}]),
    on_shortfall=st.sampled_from(["redistribute", "shrink"]),
    heldout_documents=st.integers(0, 3),
)
TARGET = {"web": 0.5, "books": 0.3, "papers": 0.1, "code": 0.1}


@settings(max_examples=150)
@given(rows_strategy, configs, st.integers(0, 9), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(
    rows: list[Row], config: Sample, seed: int, random: Random
) -> None:
    try:
        drawn = draw_sample(as_table(rows), TARGET, config, seed)
    except InputError:
        with pytest.raises(InputError, match="nothing can be sampled"):
            draw_sample(as_table(random.sample(rows, len(rows))), TARGET, config, seed)
        return
    shuffled = random.sample(rows, len(rows))
    again = draw_sample(as_table(shuffled), TARGET, config, seed)
    assert again.selection["id"].to_pylist() == [row[0] for row in shuffled]
    assert again.selection.sort_by("id").equals(drawn.selection.sort_by("id"))
    assert again.domains == drawn.domains


@settings(max_examples=150)
@given(rows_strategy, configs, st.integers(0, 9))
def test_decisions_and_counts_agree(rows: list[Row], config: Sample, seed: int) -> None:
    try:
        drawn = draw_sample(as_table(rows), TARGET, config, seed)
    except InputError:
        return
    assert drawn.selection.schema == SELECTION
    assert [c.name for c in drawn.domains] == [
        d for d in DOMAINS if d in TARGET or d in {row[1] for row in rows}
    ]
    fates = drawn.selection.to_pylist()
    assert [fate["id"] for fate in fates] == [row[0] for row in rows]
    assert {(fate["decision"], fate["reason"]) for fate in fates} <= set(FATES)
    assert all((fate["copies"] > 0) == (fate["decision"] == "kept") for fate in fates)
    for counts in drawn.domains:
        check_domain(counts, rows, fates, config)
    assert sum(counts.achieved for counts in drawn.domains) == pytest.approx(1)
    assert sum(counts.feasible for counts in drawn.domains) == pytest.approx(1)


def check_domain(
    counts: DomainCounts, rows: list[Row], fates: list[dict[str, object]], config: Sample
) -> None:
    """Count one domain again from its rows, slowly."""
    mine = [(row[2], fate) for row, fate in zip(rows, fates, strict=True) if row[1] == counts.name]
    kept = [(size, int(str(fate["copies"]))) for size, fate in mine if fate["decision"] == "kept"]
    held_out = [size for size, fate in mine if fate["decision"] == "held_out"]
    num_tokens = sum(size * copies for size, copies in kept)
    num_unique = sum(size for size, _ in kept)
    assert counts.num_available == sum(size for size, _ in mine) - sum(held_out)
    assert (counts.num_tokens, counts.num_documents) == (num_tokens, len(kept))
    assert counts.num_repeated_tokens == num_tokens - num_unique
    assert counts.num_held_out == len(held_out) <= min(config.heldout_documents, len(mine) / 10)
    epochs = config.max_epochs_by_domain.get(counts.name, config.max_epochs)
    assert num_tokens <= epochs * counts.num_available
    assert all(copies <= np.ceil(epochs) for _, copies in kept)
    if counts.target == 0:
        assert (num_tokens, len(held_out)) == (0, 0)


def test_the_target_is_met_where_the_sources_suffice() -> None:
    rows = make_rows({"web": 600, "books": 400, "code": 300, "papers": 300})
    drawn = draw_sample(as_table(rows), TARGET, Sample(tokens=20_000, heldout_documents=10), 1)
    assert drawn.total_variation < 0.004
    for counts in drawn.domains:
        assert counts.feasible == pytest.approx(counts.target, abs=1e-4)
        assert counts.achieved == pytest.approx(counts.target, abs=0.005)
        assert counts.num_held_out == 10
        assert counts.explanation == ""


def test_another_seed_draws_other_documents() -> None:
    table = as_table(make_rows({"web": 400}))
    drawn = [draw_sample(table, {"web": 1.0}, Sample(tokens=5000), seed) for seed in (0, 1)]
    kept = [
        set(d.selection.filter(pc.equal(d.selection["decision"], "kept"))["id"].to_pylist())
        for d in drawn
    ]
    assert len(kept[0] & kept[1]) < len(kept[0]) / 2


def test_a_larger_budget_keeps_nearly_all_of_the_smaller_sample() -> None:
    table = as_table(make_rows({"web": 400}))
    few, more = (
        draw_sample(table, {"web": 1.0}, Sample(tokens=tokens, heldout_documents=20), 0).selection
        for tokens in (5_000, 10_000)
    )
    kept = [set(s.filter(pc.greater(s["copies"], 0))["id"].to_pylist()) for s in (few, more)]
    assert len(kept[0] - kept[1]) <= 3  # what filled the last gap
    held_out = [
        s.filter(pc.equal(s["decision"], "held_out"))["id"].to_pylist() for s in (few, more)
    ]
    assert held_out[0] == held_out[1]


def test_short_absent_and_unwanted_domains_are_explained() -> None:
    rows = make_rows({"web": 500, "books": 20, "legal": 30})
    config = Sample(tokens=30_000, max_epochs_by_domain={"books": 2}, heldout_documents=0)
    domains = by_name(
        draw_sample(as_table(rows), {"web": 0.6, "books": 0.3, "papers": 0.1}, config, 0)
    )
    books = domains["books"]
    assert books.num_tokens == 2 * books.num_available
    assert books.explanation == (
        "the target asks for 30 % (9,000 tokens); the sources hold "
        f"{books.num_available:,} once cleaned and deduplicated, repeated at most 2 times: "
        f"{books.num_tokens:,}; the rest went to the others in proportion"
    )
    assert domains["papers"].explanation == (
        "no source provides it; the target asks for 10 % (3,000 tokens); its share went to the "
        "others in proportion"
    )
    assert domains["legal"].explanation == "not in the target mixture; nothing taken"
    assert domains["web"].explanation == ""


def test_shrinking_says_what_it_shrinks_to() -> None:
    rows = [(f"w{i}", "web", 10) for i in range(100)] + [(f"b{i}", "books", 10) for i in range(5)]
    config = Sample(tokens=1000, on_shortfall="shrink", heldout_documents=0)
    domains = by_name(draw_sample(as_table(rows), {"web": 0.5, "books": 0.5}, config, 0))
    assert (domains["web"].num_tokens, domains["books"].num_tokens) == (50, 50)
    assert domains["books"].explanation.endswith("the corpus shrinks to 100 tokens")


def test_a_corpus_smaller_than_its_budget_says_so() -> None:
    rows = [("a", "web", 100), ("b", "books", 100)]
    domains = by_name(
        draw_sample(as_table(rows), {"web": 0.9, "books": 0.1}, Sample(tokens=5000), 0)
    )
    assert domains["web"].explanation.endswith(
        "no domain is left to take the rest: the corpus has 200 tokens in place of 5,000"
    )


def test_documents_too_long_for_a_quota_are_explained() -> None:
    rows = [*((f"w{i}", "web", 10) for i in range(100)), ("b", "books", 5000), ("c", "code", 150)]
    target = {"web": 0.8, "books": 0.1, "code": 0.1}
    domains = by_name(draw_sample(as_table(rows), target, Sample(tokens=1000), 0))
    assert domains["books"].num_tokens == 0
    assert domains["books"].explanation == (
        "Every document is too long for the quota of 100 tokens; none taken"
    )
    assert domains["code"].num_tokens == 150
    assert domains["code"].explanation == (
        "Documents are taken whole: 150 tokens is as near to the quota of 100 as they come"
    )


def test_documents_without_tokens_are_not_sampled() -> None:
    rows = [("a", "web", 0), ("b", "web", 50), ("c", "legal", 0)]
    selection = draw_sample(as_table(rows), {"web": 1.0}, Sample(tokens=50), 0).selection
    assert selection["reason"].to_pylist() == ["no_tokens", None, "no_tokens"]


@pytest.mark.parametrize(
    ("rows", "tokens", "on_shortfall", "message"),
    [
        ([], 100, "redistribute", r"asks for books \(100 %\).*the sources have nothing"),
        ([("a", "web", 12_000)], 100, "shrink", r"have web \(12,000 tokens\)\. Choose a mixture"),
        ([("a", "books", 900)], 100, "redistribute", r"come to 100 tokens.*Raise sample\.tokens"),
        ([("a", "books", 900)], 100, "shrink", r"or set sample\.on_shortfall to redistribute"),
    ],
)
def test_nothing_to_sample_is_an_error_that_says_why(
    rows: list[Row], tokens: int, on_shortfall: str, message: str
) -> None:
    config = Sample.model_validate({"tokens": tokens, "on_shortfall": on_shortfall})
    with pytest.raises(InputError, match=message):
        draw_sample(as_table(rows), {"books": 1.0}, config, 0)


def test_no_copy_of_a_held_out_text_is_kept() -> None:
    texts = [hashlib.sha256(str(number).encode()).hexdigest()[:24] for number in range(200)]
    rows = [
        (f"{text}-{copy}", domain, 50)
        for text in texts
        for copy, domain in enumerate(("web", "web", "books", "legal"))
    ]
    config = Sample(tokens=100_000, heldout_documents=15)
    drawn = draw_sample(as_table(rows), {"web": 0.5, "books": 0.5}, config, 0)
    fates = drawn.selection.to_pylist()
    held_out = {fate["id"][:24] for fate in fates if fate["decision"] == "held_out"}
    reasons = {fate["reason"] for fate in fates if fate["id"][:24] in held_out}
    assert len(held_out) >= 15
    assert reasons == {"held_out", "copy_of_held_out"}
    assert {f["id"][:24] for f in fates if f["reason"] == "copy_of_held_out"} <= held_out
    kept = sum(fate["decision"] == "kept" for fate in fates)
    available = sum(counts.num_available for counts in drawn.domains if counts.target)
    assert kept * 50 == available


def test_broken_candidates_are_refused() -> None:
    config = Sample(tokens=10)
    with pytest.raises(IntegrityError, match="document a stands twice"):
        draw_sample(as_table([("a", "web", 1), ("a", "web", 1)]), {"web": 1.0}, config, 0)
    with pytest.raises(IntegrityError, match="unknown domains: wep"):
        draw_sample(as_table([("a", "wep", 1)]), {"web": 1.0}, config, 0)


def test_chunks_of_the_table_change_nothing() -> None:
    rows = make_rows({"web": 200, "books": 100})
    whole = as_table(rows)
    parts = pa.concat_tables([as_table(rows[:77]), as_table(rows[77:])])
    config = Sample(tokens=9_000)
    assert draw_sample(parts, TARGET, config, 0) == draw_sample(whole, TARGET, config, 0)


def test_the_draw_is_the_same_on_every_machine() -> None:
    rows = make_rows({"web": 300, "books": 50, "code": 80})
    drawn = draw_sample(as_table(rows), TARGET, Sample(tokens=20_000, max_epochs=2), 42)
    lines = [str(list(row.values())) for row in drawn.selection.to_pylist()]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert digest[:16] == "1ef54903404a9d9e"
