"""Which lines recur, against counting by hand; and who keeps them."""

import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dedup.lines.annotator import line_multiplier, lines_of
from pipeline.dedup.lines.repeated import Repeated, find_repeated, rank_of_rows
from pipeline.errors import ConfigError
from pipeline.store import NotStoredError, Store
from schemas.recipe import Dedup, Lines
from tests.support.numbered_lines import Documents, census_of, line, shards_of, text_of

DOCUMENTS = st.lists(st.lists(st.integers(0, 5), max_size=5), min_size=1, max_size=8)


def find(
    documents: Documents, census: pa.Table, folder: Path, sizes: list[int], **changes: object
) -> Repeated:
    config = Dedup.model_validate(changes)
    shards = shards_of(documents, folder / "shards", sizes)
    return find_repeated(census, shards, config, 0, Store(folder / "store"))


HASHES = lines_of(pa.array([text_of(list(range(6)))]), 10, line_multiplier(Dedup(), 0)).hashes


@settings(max_examples=40)
@given(DOCUMENTS, st.integers(2, 4), st.data())
def test_counts_and_holders_are_those_by_hand(
    documents: Documents, min_documents: int, data: st.DataObject
) -> None:
    size = len(documents)
    order = data.draw(st.permutations(range(size)))
    decided = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    census = census_of([-float(place) for place in order], decided)
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
    shown = found.figures["most_repeated"]
    assert Counter(row["documents"] for row in shown) == counts
    assert found.figures["num_repeated_lines"] == counts.total()
    for row in shown:
        masked = text_of(documents[int(row["kept_in"], 16)]).replace("ann@mail.org", "<EMAIL>")
        assert row["line"] in masked.split("\n")


def test_only_undecided_documents_of_the_domains_have_a_rank() -> None:
    census = census_of([0.0] * 3, [False, True, False])
    assert rank_of_rows(census, Dedup()).tolist() == [0, -1, 1]
    assert rank_of_rows(census, Dedup(lines=Lines(domains=("code",)))).tolist() == [-1] * 3


def test_what_decides_is_part_of_the_identity(tmp_path: Path) -> None:
    shards = shards_of([[0, 1], [0, 2], [0, 3]], tmp_path / "shards", [3])
    census, store = census_of([0.0] * 3, [False] * 3), Store(tmp_path / "store")
    config = Dedup(lines=Lines(min_documents=3))
    find_repeated(census, shards, config, 0, store)
    same = config.model_copy(update={"memory_limit": "1GB", "min_jaccard": 0.5})
    assert find_repeated(census, shards, same, 0, store.lookup()).holders(HASHES)[0] == 0
    fewer = Dedup(lines=Lines(min_documents=2))
    scored = census_of([0.0, 0.0, 1.0], [False] * 3)
    for other in (
        (census, shards, fewer, 0),
        (scored, shards, config, 0),
        (census, shards, config, 1),
    ):
        with pytest.raises(NotStoredError):
            find_repeated(*other, store.lookup())


def test_too_little_memory_is_a_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    census = census_of([0.0] * 2, [False] * 2)
    with pytest.raises(ConfigError, match=r"dedup\.memory_limit: 1KB is too little"):
        find([[0], [0]], census, tmp_path, [2], memory_limit="1KB")
    assert not list(tmp_path.glob("store/repeated-lines/*/*"))


def test_an_excerpt_is_a_line_masked_and_short(tmp_path: Path) -> None:
    census = census_of([0.0] * 2, [False] * 2)
    found = find([[1, 5], [5, 2]], census, tmp_path, [2], lines={"min_documents": 2})
    (shown,) = found.figures["most_repeated"]
    assert shown["line"] == line(5).replace("ann@mail.org", "<EMAIL>")
    assert np.array_equal(found.holders(HASHES), [-1, -1, -1, -1, -1, 0])
