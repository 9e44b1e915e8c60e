"""What is cut of each document, against cutting by hand; and what that does to the census."""

import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cuts import exported
from pipeline.dedup.lines.annotator import line_multiplier
from pipeline.dedup.lines.cut import CutTask, Cutter, cut_shard
from pipeline.dedup.lines.outcome import apply_cuts, read_cuts
from pipeline.dedup.lines.repeated import find_repeated
from pipeline.normalize.identity import text_digest
from pipeline.shard import Shard
from pipeline.store import NotStoredError, Store
from pipeline.tokens import count_tokens
from schemas.attributes import CUTS
from schemas.recipe import Dedup, Lines
from tests.support.numbered_lines import Documents, batch_of, census_of, shards_of, text_of
from tests.support.pages import cut_by_hand

DOCUMENTS = st.lists(st.lists(st.integers(0, 6), max_size=6), min_size=1, max_size=8)


def cut(
    documents: Documents, folder: Path, config: Dedup, decided: list[bool]
) -> tuple[pa.Table, list[Shard]]:
    """Return the census and shards with `cuts`; the first document survives."""
    shards = shards_of(documents, folder / "shards", [len(documents) // 2, -(-len(documents) // 2)])
    census = census_of([-float(place) for place in range(len(documents))], decided)
    store = Store(folder / "store")
    repeated = find_repeated(census, shards, config, 0, store)
    lines, multiplier = config.lines, line_multiplier(config, 0)
    cutter = Cutter(repeated, lines.min_words, lines.min_words_within, multiplier)
    firsts = (0, shards[0].num_documents)
    return census, [
        cut_shard(CutTask(shard, first), store, cutter)
        for shard, first in zip(shards, firsts, strict=True)
    ]


@settings(max_examples=60)
@given(DOCUMENTS, st.integers(2, 4), st.sampled_from([10, 100]), st.data())
def test_what_is_left_is_what_the_slow_obvious_way_leaves(
    documents: Documents, min_documents: int, within: int, data: st.DataObject
) -> None:
    size = len(documents)
    decided = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    config = Dedup(lines=Lines(min_documents=min_documents, min_words_within=within))
    with tempfile.TemporaryDirectory() as folder:
        _, shards = cut(documents, Path(folder), config, decided)
        rows = [row for s in shards for row in pq.read_table(s.attributes["cuts"]).to_pylist()]
    left = [row for row in range(size) if not decided[row]]
    texts = [text_of(documents[row]) for row in left]
    expected = dict(zip(left, cut_by_hand(texts, 10, min_documents, within), strict=True))
    for place, document in enumerate(batch_of(documents).to_pylist()):
        text, found = document["text"], rows[place]
        lines = expected.get(place, text.split("\n") if text else [])
        assert exported(text, [], found["cuts"]) == "\n".join(lines)
        assert found["num_lines"] == len(documents[place]) - len(lines)
        assert found["num_bytes"] == len(text.encode()) - len("\n".join(lines).encode())
        if found["cuts"]:
            masked = exported(text, document["pii"], found["cuts"])
            assert found["num_tokens"] == count_tokens([masked], "bytes/4")[0]
            assert found["num_characters"] == len("\n".join(lines))
            assert found["content"] == text_digest("\n".join(lines))
        else:
            assert found["num_tokens"] is found["content"] is None


def test_the_attribute_is_found_again_and_depends_on_what_recurs(tmp_path: Path) -> None:
    documents = [[0, 1], [0, 2], [0, 3], [4, 4]]
    config = Dedup(lines=Lines(min_documents=3, min_words_within=10))
    census, shards = cut(documents, tmp_path / "a", config, [False] * 4)
    assert pq.read_schema(shards[0].attributes["cuts"]).equals(CUTS)
    store = Store(tmp_path / "a" / "store").lookup()
    repeated = find_repeated(census, shards, config, 0, store)
    cutter = Cutter(repeated, 10, 10, line_multiplier(config, 0))
    again = cut_shard(CutTask(shards[0], 0), store, cutter)
    assert again.attributes["cuts"] == shards[0].attributes["cuts"]
    other = Cutter(repeated, 10, 11, line_multiplier(config, 0))
    with pytest.raises(NotStoredError):
        cut_shard(CutTask(shards[0], 0), store, other)


def test_the_census_says_what_became_of_each(tmp_path: Path) -> None:
    # Kept for the others; cut; the same once cut; nothing left; decided before; untouched.
    documents = [[0, 1], [0, 2], [2, 0], [0], [0, 3], [4]]
    reasons = ["", "", "duplicate_without_repeated_lines", "only_repeated_lines", "", ""]
    config = Dedup(lines=Lines(min_documents=3))
    census, shards = cut(documents, tmp_path, config, [False] * 4 + [True, False])
    after, figures = apply_cuts(census, read_cuts(shards), config, min_characters=10)
    rows = after.to_pylist()
    assert [row["reason"] for row in rows] == reasons
    assert [row["num_tokens"] < 1000 for row in rows] == [False, True, False, False, False, False]
    assert [row["evidence"] is None for row in rows] == [True, False, False, False, True, True]
    facts = json.loads(rows[2]["evidence"])
    assert facts["survivor"] == rows[1]["id"]
    assert facts["repeated_lines_cut"] == 1
    assert figures["num_documents_cut"] == 3
    assert figures["by_domain"]["web"]["num_documents"] == 5
    (left,) = count_tokens([text_of([2])], "bytes/4")
    assert rows[1]["num_tokens"] == left
    assert figures["num_tokens_cut"] == 3 * 1000 - 2 * left


def test_who_keeps_a_line_stays_however_short(tmp_path: Path) -> None:
    documents = [[0], [0, 1], [1, 2], [0, 1]]  # the third has a line of its own, but a short text
    config = Dedup(lines=Lines(min_documents=2))
    census, shards = cut(documents, tmp_path, config, [False] * 4)
    after, figures = apply_cuts(census, read_cuts(shards), config, min_characters=10_000)
    assert after["decision"].to_pylist() == [None, None, "dropped", "dropped"]
    assert figures["num_documents_only_repeated"] == 2
