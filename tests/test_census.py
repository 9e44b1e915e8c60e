"""The census: every document has exactly one fate, and later stages never change it."""

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.census import (
    CENSUS,
    check_rows,
    decide,
    decide_the_rest,
    evidence_of,
    refuse_nothing_left,
    undecided,
)
from pipeline.errors import InputError, IntegrityError

DOMAINS = ("web", "code")


def census_of(qualities: list[float | None], tokens: list[int]) -> pa.Table:
    rows = [
        {
            "id": f"{index:04d}",
            "source": "s",
            "priority": 0,
            "domain": DOMAINS[index % 2],
            "language": "en",
            "quality": quality,
            "num_tokens": count,
            "copies": 0,
        }
        for index, (quality, count) in enumerate(zip(qualities, tokens, strict=True))
    ]
    return pa.Table.from_pylist(rows, schema=CENSUS)


def decisions(ids: list[str], decision: str) -> pa.Table:
    size = len(ids)
    return pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "decision": pa.repeat(decision, size),
            "reason": pa.repeat("because", size),
            "evidence": pa.nulls(size, pa.string()),
        }
    )


def test_a_decision_stands() -> None:
    census = census_of([None] * 4, [1] * 4)
    first = decide(census, decisions(["0001", "0003"], "dropped"), "dedup")
    second = decide(first, decisions(["0001", "0002"], "kept"), "sample")
    assert second["decision"].to_pylist() == [None, "dropped", "kept", "dropped"]
    assert second["stage"].to_pylist() == [None, "dedup", "sample", "dedup"]
    assert undecided(second)["id"].to_pylist() == ["0000"]
    assert second.schema == CENSUS


def test_the_rest_is_decided_by_its_order() -> None:
    census = decide(census_of([None] * 4, [1] * 4), decisions(["0001"], "dropped"), "dedup")
    rest = decisions(["0000", "0002", "0003"], "kept").append_column(
        "copies", pa.array([1, 2, 3], pa.int32())
    )
    done = decide_the_rest(census, rest, "sample")
    assert done["decision"].to_pylist() == ["kept", "dropped", "kept", "kept"]
    assert done["copies"].to_pylist() == [1, 0, 2, 3]
    assert done.schema == CENSUS
    with pytest.raises(IntegrityError, match="2 decisions for 3 documents"):
        decide_the_rest(census, rest.slice(1), "sample")


def test_evidence_is_the_json_of_each_row() -> None:
    rows = pa.table({"number": range(25_000)})
    evidence = evidence_of(rows, lambda row: {"half": row["number"] // 2})
    assert evidence.to_pylist() == [f'{{"half":{number // 2}}}' for number in range(25_000)]


def test_rows_of_other_documents_are_refused() -> None:
    ids = pa.chunked_array([["a"], ["b"]])
    check_rows(ids, pa.array(["a", "b"]), Path("documents"))
    with pytest.raises(IntegrityError, match=r"documents: .*row by row"):
        check_rows(ids, pa.array(["b", "a"]), Path("documents"))


def test_nothing_left_is_said_with_the_reasons() -> None:
    census = census_of([None] * 3, [1] * 3)
    refuse_nothing_left(census)
    dropped = decide(census, decisions(["0000", "0001", "0002"], "dropped"), "filter")
    with pytest.raises(InputError, match=r"none of 3 documents is left.*because \(3\)"):
        refuse_nothing_left(dropped)
    with pytest.raises(InputError, match="hold no document"):
        refuse_nothing_left(census_of([], []))
