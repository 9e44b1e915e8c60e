"""Which lines recur, against counting by hand; and who keeps them."""

import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.census import CENSUS
from pipeline.dedup.lines.annotator import make_lines_annotator
from pipeline.dedup.lines.repeated import Repeated, find_repeated, rank_of_rows
from pipeline.errors import ConfigError
from pipeline.parquet import write_batches, write_table
from pipeline.shard import Shard, Unit
from pipeline.store import NotStoredError, Store
from schemas.attributes import LINES, PII
from schemas.recipe import Dedup, Lines

# Lines are numbers here: each stands for a line of as many different words as it takes.
Documents = list[list[int]]
DOCUMENTS = st.lists(st.lists(st.integers(0, 5), max_size=5), min_size=1, max_size=8)


def line(number: int) -> str:
    return f"line {number} " + " ".join(f"w{place}" for place in range(10))


def text_of(numbers: list[int]) -> str:
    return "\n".join(line(number) for number in numbers)


def shards_of(documents: Documents, folder: Path, sizes: list[int]) -> list[Shard]:
    """Write shards of so many documents each, with `lines` and `pii`."""
    shards, first = [], 0
    for index, size in enumerate(sizes):
        part = folder / str(index)
        part.mkdir(parents=True)
        own = documents[first : first + size]
        ids = [f"{first + place:04}" for place in range(len(own))]
        table = pa.table(
            {
                "id": pa.array(ids, pa.string()),
                "text": pa.array([text_of(d) for d in own], pa.string()),
            }
        )
        batch = pa.RecordBatch.from_pydict(
            {
                "id": pa.array(ids, pa.string()),
                "text": table["text"].combine_chunks(),
                "domain": pa.array(["web"] * len(own), pa.string()),
            }
        )
        write_table(part / "documents", table)
        write_batches(part / "lines", LINES, [make_lines_annotator(Dedup(), 0).annotate(batch)])
        write_table(
            part / "pii",
            PII.empty_table() if not own else pa.table([ids, [[]] * len(own)], schema=PII),
        )
        shards.append(
            Shard(
                Unit("s", str(index), part, "d", 1), part / "documents", part / "quarantine", "f",
                len(own), len(own), 0, 1,
                {name: part / name for name in ("lines", "pii")},
                dict.fromkeys(("lines", "pii"), "f"),
            )
        )  # fmt: skip
        first += size
    return shards


def census_of(size: int, qualities: list[float], decided: list[bool]) -> pa.Table:
    rows = [
        {
            **dict.fromkeys(CENSUS.names, ""), "id": f"{row:04}", "created": None, "priority": 0,
            "domain": "web", "quality": qualities[row], "num_tokens": 1, "copies": 0,
            "decision": "dropped" if decided[row] else None,
        }
        for row in range(size)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=CENSUS)


def find(
    documents: Documents, census: pa.Table, folder: Path, sizes: list[int], **changes: object
) -> Repeated:
    config = Dedup.model_validate(changes)
    shards = shards_of(documents, folder / "shards", sizes)
    return find_repeated(census, shards, config, 0, Store(folder / "store"))


def hash_of(number: int) -> int:
    batch = pa.RecordBatch.from_pydict({"id": ["x"], "text": [line(number)], "domain": ["web"]})
    return make_lines_annotator(Dedup(), 0).annotate(batch)["lines"][0].as_py()[0]


HASHES = np.array([hash_of(number) for number in range(6)], np.uint64)


@settings(max_examples=40, deadline=None)
@given(DOCUMENTS, st.integers(2, 4), st.data())
def test_counts_and_holders_are_those_by_hand(
    documents: Documents, min_documents: int, data: st.DataObject
) -> None:
    size = len(documents)
    order = data.draw(st.permutations(range(size)))
    decided = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    census = census_of(size, [-float(order[row]) for row in range(size)], decided)
    ranked = sorted((row for row in range(size) if not decided[row]), key=lambda row: order[row])
    holders = defaultdict(list)
    for rank, row in enumerate(ranked):
        for number in set(documents[row]):
            holders[number].append(rank)
    expected = [
        holders[number][0] if len(holders[number]) >= min_documents else -1 for number in range(6)
    ]
    with tempfile.TemporaryDirectory() as folder:
        cut = data.draw(st.integers(0, size))
        lines = {"min_documents": min_documents}
        found = find(documents, census, Path(folder), [cut, size - cut], lines=lines)
        assert found.holders(HASHES).tolist() == expected
        ranks = found.ranks(0, size).tolist()
    assert ranks == [ranked.index(row) if row in ranked else -1 for row in range(size)]
    counts = Counter(len(own) for own in holders.values() if len(own) >= min_documents)
    shown = Counter(row["documents"] for row in found.figures["most_repeated"])
    assert shown == counts
    assert found.figures["num_repeated_lines"] == counts.total()
    for row in found.figures["most_repeated"]:
        assert row["line"] in text_of(documents[int(row["kept_in"])]).split("\n")


def test_only_undecided_documents_of_the_domains_have_a_rank() -> None:
    census = census_of(3, [0.0] * 3, [False, True, False])
    assert rank_of_rows(census, Dedup()).tolist() == [0, -1, 1]
    assert rank_of_rows(census, Dedup(lines=Lines(domains=("code",)))).tolist() == [-1] * 3


def test_what_decides_is_part_of_the_identity(tmp_path: Path) -> None:
    documents = [[0, 1], [0, 2], [0, 3]]
    shards = shards_of(documents, tmp_path / "shards", [3])
    census, store = census_of(3, [0.0] * 3, [False] * 3), Store(tmp_path / "store")
    config = Dedup(lines=Lines(min_documents=3))
    find_repeated(census, shards, config, 0, store)
    same = config.model_copy(update={"memory_limit": "1GB", "min_jaccard": 0.5})
    assert find_repeated(census, shards, same, 0, store.lookup()).holders(HASHES)[0] == 0
    fewer = Dedup(lines=Lines(min_documents=2))
    scored = census_of(3, [0.0, 0.0, 1.0], [False] * 3)
    for other in (
        (census, shards, fewer, 0),
        (scored, shards, config, 0),
        (census, shards, config, 1),
    ):
        with pytest.raises(NotStoredError):
            find_repeated(*other, store.lookup())


def test_too_little_memory_is_a_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    census = census_of(2, [0.0] * 2, [False] * 2)
    with pytest.raises(ConfigError, match=r"dedup\.memory_limit: 1KB is too little"):
        find([[0], [0]], census, tmp_path, [2], memory_limit="1KB")
    assert not list(tmp_path.glob("store/repeated-lines/*/*"))
