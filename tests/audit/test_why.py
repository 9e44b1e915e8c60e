import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.audit.why import explain, look_up, shorten
from pipeline.errors import InputError
from tests.support.small_build import make_build


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_build(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def one(build: Path) -> Callable[..., dict[str, str]]:
    decisions = pa.concat_tables(map(pq.read_table, (build / "decisions").iterdir())).to_pylist()

    def find(**wanted: str) -> dict[str, str]:
        return next(row for row in decisions if wanted.items() <= row.items())

    return find


def test_a_kept_document_is_found_in_its_shard(build: Path, one: Callable[..., dict]) -> None:
    row = one(decision="kept")
    found = look_up(build, row["id"])
    assert len(found.places) == 3  # the fixture repeats its first document
    for place in found.places:
        assert pq.read_table(build / place.file)["id"][place.row].as_py() == row["id"]
    assert found.excerpt
    assert found.num_lost_to_it > 3
    assert "kept: it is in the shards" in explain(build, row["id"], build / "store")


def test_a_duplicate_names_its_survivor(build: Path, one: Callable[..., dict]) -> None:
    text = explain(build, one(reason="near_duplicate")["id"], build / "store")
    assert "jaccard: 0.9375" in text
    assert "It lost to this document:" in text
    assert one(decision="kept")["id"] in text
    assert "shards/anchor-" in text
    assert "cannot be shown" in text


def test_what_sets_a_duplicate_apart_is_shown_from_the_store(
    build: Path, one: Callable[..., dict], tmp_path: Path
) -> None:
    ids = [one(reason="near_duplicate")["id"]]
    ids.append(json.loads(one(id=ids[0])["evidence"])["survivor"])
    texts = ["Ask ann@mail.org about the blue kite.", "Ask ann@mail.org about the red kite."]
    place = tmp_path / "normalize" / "aa" / "aa1"
    place.mkdir(parents=True)
    pq.write_table(pa.table({"id": ids, "text": texts}), place / "documents.parquet")
    text = explain(build, ids[0], tmp_path)
    assert "<EMAIL> about the [-red-] {+blue+} kite." in text
    assert "ann@mail.org" not in text


@pytest.mark.parametrize("decision", ["held_out", "not_sampled", "quarantined", "dropped"])
def test_every_fate_is_explained(build: Path, one: Callable[..., dict], decision: str) -> None:
    row = one(decision=decision)
    text = explain(build, row["id"], build / "store")
    assert row["stage"] in text
    assert row["reason"] in text
    assert decision.replace("_", " ") in text


def test_a_prefix_and_a_source_id_will_do(build: Path, one: Callable[..., dict]) -> None:
    row = one(source_id="json.loads")
    assert (
        look_up(build, row["id"][:12]) == look_up(build, "json.loads") == look_up(build, row["id"])
    )


def test_an_unknown_id_is_answered_with_the_nearest(build: Path, one: Callable[..., dict]) -> None:
    row = one(source_id="json.loads")
    with pytest.raises(InputError, match=row["id"]):
        look_up(build, row["id"][:10] + "~~")
    with pytest.raises(InputError, match=r"the nearest: .*json\.loads"):
        look_up(build, "json.loads2")
    with pytest.raises(InputError, match="no document"):
        look_up(build, "~~~")


def test_a_name_of_many_asks_for_more(build: Path) -> None:
    with pytest.raises(InputError, match="give more of the id"):
        look_up(build, "quarantined-")


def test_an_excerpt_is_one_line() -> None:
    assert shorten("a\n\nb  c") == "a b c"
    assert len(shorten("word " * 1000)) == 301
