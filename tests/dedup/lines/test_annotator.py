"""The `lines` attribute: of the domains asked for, each line once, in the order of the rows."""

import numpy as np
import pyarrow as pa

from pipeline.dedup.lines.annotator import line_multiplier, make_lines_annotator
from schemas.attributes import LINES
from schemas.recipe import Dedup, Lines

LONG = "these are the ten words that make a line long"


def batch_of(texts: list[str], domains: list[str]) -> pa.RecordBatch:
    ids = [str(place) for place in range(len(texts))]
    return pa.RecordBatch.from_pydict({"id": ids, "text": texts, "domain": domains})


def lines_of(texts: list[str], own: list[str], **changes: object) -> list[list[int]]:
    config = Dedup(lines=Lines.model_validate(changes))
    found = make_lines_annotator(config, 0).annotate(batch_of(texts, own))
    assert found.schema == LINES
    assert found["id"].to_pylist() == [str(place) for place in range(len(texts))]
    return found["lines"].to_pylist()


def test_each_line_once_and_short_ones_never() -> None:
    texts = [f"{LONG}\nshort\n{LONG.upper()}!\nand {LONG}", "", f"a\n\n{LONG}"]
    first, second, third = lines_of(texts, ["web"] * 3)
    assert len(first) == 2
    assert first == sorted(first)
    assert second == []
    assert set(third) < set(first)
    assert lines_of(texts, ["web"] * 3, min_words=11)[0] == lines_of([f"and {LONG}"], ["web"])[0]


def test_other_domains_have_none_wherever_they_stand() -> None:
    domains = ["code", "web", "legal", "news", "books"]
    found = lines_of([LONG] * 5, domains)
    assert [len(lines) for lines in found] == [0, 1, 0, 1, 0]
    assert lines_of([LONG] * 5, domains, domains=("books",))[4] == found[1]


def test_a_slice_of_a_batch_is_read_where_it_lies() -> None:
    whole = batch_of([LONG, f"not {LONG}", LONG], ["web", "code", "web"])
    annotator = make_lines_annotator(Dedup(), 0)
    expected = annotator.annotate(whole)["lines"].to_pylist()
    assert annotator.annotate(whole.slice(1))["lines"].to_pylist() == expected[1:]


def test_hashes_are_keyed_by_the_seed() -> None:
    batch = batch_of([LONG], ["web"])
    found = [make_lines_annotator(Dedup(), seed).annotate(batch)["lines"] for seed in (0, 1)]
    assert found[0] != found[1]
    assert line_multiplier(Dedup(seed=1), 0) == line_multiplier(Dedup(), 1)
    assert line_multiplier(Dedup(), 0) % 2 == 1
    assert line_multiplier(Dedup(), 0) < np.iinfo(np.uint64).max


def test_the_identity_knows_no_order_of_domains_and_no_count_of_documents() -> None:
    def identity(**changes: object) -> object:
        return make_lines_annotator(Dedup(lines=Lines.model_validate(changes)), 0).identity

    assert identity(domains=("web", "news")) == identity(domains=("news", "web"))
    assert identity(min_documents=3) == identity(min_documents=50)
    assert identity(min_words=9) != identity(min_words=8)
