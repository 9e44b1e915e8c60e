"""Ratios of tokens to bytes: which documents are sampled, and what follows for the others."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.census import CENSUS
from pipeline.count.ratios import (
    MAX_DOCUMENTS,
    MAX_TOKENS,
    MIN_DOCUMENTS,
    Ratio,
    Ratios,
    estimated,
    make_ratios,
    sampled_rows,
)

DOCUMENT = st.tuples(
    st.sampled_from(["web", "code"]), st.sampled_from(["en", "de"]), st.integers(0, 90)
)


def census_of(documents: list[tuple[str, str, int]]) -> pa.Table:
    rows = [
        {"id": f"{row:05d}", "source": "s", "priority": 0, "domain": domain, "language": language,
         "num_tokens": tokens, "copies": 0}
        for row, (domain, language, tokens) in enumerate(documents)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=CENSUS)


def sample(census: pa.Table) -> list[int]:
    size = census.num_rows
    keys = np.random.default_rng(2).permutation(size).astype(np.uint64)
    return sampled_rows(census, np.arange(size), keys).tolist()


@given(st.lists(DOCUMENT, max_size=30))
def test_every_kind_of_document_is_sampled(documents: list[tuple[str, str, int]]) -> None:
    sampled = Counter(documents[row][:2] for row in sample(census_of(documents)))
    there = Counter(document[:2] for document in documents if document[2])
    assert sampled == there  # few: all of them, but those without a byte


def test_many_documents_are_sampled_in_part() -> None:
    short = [("web", "en", 100)] * 1_000
    long = [("books", "en", MAX_TOKENS)] * 50
    sampled = Counter(row < 1_000 for row in sample(census_of(short + long)))
    assert sampled == {True: MAX_DOCUMENTS, False: MIN_DOCUMENTS}


def test_the_sample_depends_on_keys_not_on_rows() -> None:
    documents = [("web", "en", 10 + row) for row in range(1_000)]
    keys = np.random.default_rng(1).permutation(1_000).astype(np.uint64)
    first = sampled_rows(census_of(documents), np.arange(1_000), keys)
    order = np.random.default_rng(2).permutation(1_000)
    shuffled = census_of([documents[row] for row in order])
    second = sampled_rows(shuffled, np.arange(1_000), keys[order])
    assert {documents[row] for row in first} == {documents[order[row]] for row in second}


@given(st.lists(DOCUMENT, min_size=1, max_size=20), st.integers(1, 9), st.integers(1, 9))
def test_estimates_are_the_rules_counts_times_the_ratio_rounded(
    documents: list[tuple[str, str, int]], numerator: int, denominator: int
) -> None:
    ratios = Ratios({(None, None): Ratio(numerator, denominator, 1)})
    found = estimated(census_of(documents), ratios)["num_tokens"].to_pylist()
    for (_, _, by_rule), estimate in zip(documents, found, strict=True):
        exact = Fraction(by_rule * numerator, denominator)
        assert abs(estimate - exact) <= Fraction(1, 2) or (estimate, exact < 1) == (1, True)
        assert (estimate == 0) == (by_rule == 0)


def test_a_ratio_is_that_of_the_nearest_kind_sampled() -> None:
    documents = [("web", "en", 100), ("web", "de", 100), ("code", "en", 100), ("web", "en", 300)]
    ratios = make_ratios(
        census_of(documents), np.array([0, 1, 2, 3]), np.array([150, 200, 20, 250])
    )
    assert ratios.of("web", "en") == Ratio(400, 400, 2)
    assert ratios.of("web", "de") == Ratio(200, 100, 1)
    assert ratios.of("web", "fr") == Ratio(600, 500, 3)
    assert ratios.of("books", "en") == Ratio(620, 600, 4)
    assert Ratios().of("web", "en") == Ratio(1, 1, 0)
    assert ratios.figures()["web/de"] == {"tokens_per_byte": 0.5, "num_documents": 1}
