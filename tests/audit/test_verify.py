"""Whatever is changed in a finished build is found, with digests left wrong or put right."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.audit.checks import judge
from pipeline.audit.verify import verify
from pipeline.errors import InputError
from pipeline.output import file_entry, logical_sha256
from pipeline.parquet import read_batches
from schemas.document import CONTENT_DIGITS
from schemas.manifest import Manifest
from tests.support.small_build import make_build, rewrite_rows

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_build(tmp_path_factory.mktemp("build"))


@pytest.fixture
def build(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "copy [1]*"))


def failures(build: Path) -> dict[str, str]:
    return {check.name: check.message for check in verify(build).checks if not check.ok}


def reseal(build: Path) -> None:
    """Make the manifest state the files' digests and counts as they are now."""
    path = build / "manifest.json"
    manifest = Manifest.model_validate_json(path.read_text())
    files = []
    for entry in manifest.files:
        file = build / entry.path
        logical = num_tokens = None
        if entry.logical_sha256:
            logical = logical_sha256(read_batches(file))
            num_tokens = sum(pq.read_table(file)["num_tokens"].to_pylist())
        num_rows = pq.read_metadata(file).num_rows if file.suffix == ".parquet" else None
        files.append(file_entry(build, file, num_rows, num_tokens, logical))
    path.write_text(manifest.model_copy(update={"files": tuple(files)}).model_dump_json())


def edit_manifest(build: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = build / "manifest.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def test_a_finished_build_is_sound(build: Path) -> None:
    result = verify(build)
    assert [check.message for check in result.checks if not check.ok] == []
    assert len(result.checks) == 16
    assert result.ok


def test_a_changed_byte_is_found(build: Path) -> None:
    shard = next((build / "shards").iterdir())
    content = bytearray(shard.read_bytes())
    content[len(content) // 3] ^= 1
    shard.write_bytes(content)
    assert "sha256 is" in failures(build)["files are as the manifest says"]


def test_a_missing_shard_is_found(build: Path) -> None:
    next((build / "shards").iterdir()).unlink()
    found = failures(build)
    assert "missing" in found["files are as the manifest says"]
    assert "columns are as documented" in found


def test_an_added_file_is_found(build: Path) -> None:
    shutil.copy(next((build / "shards").iterdir()), build / "shards" / "extra.parquet")
    assert "extra.parquet" in failures(build)["no other data files"]


def test_a_path_out_of_the_folder_is_refused(build: Path) -> None:
    edit_manifest(build, lambda data: data["files"][0].update(path="../outside"))
    assert "no path in its folder" in failures(build)["files are as the manifest says"]


def flip_decision(rows: Rows) -> None:
    row = next(row for row in rows if row["decision"] == "not_sampled")
    row.update(decision="dropped", reason="too_short")


def repeat_decision(rows: Rows) -> None:
    rows.append(rows[0])


def swap_two_decisions(rows: Rows) -> None:
    kept = next(row for row in rows if row["decision"] == "kept")
    left = next(r for r in rows if r["decision"] == "not_sampled" and r["source"] == kept["source"])
    for key in ("decision", "reason", "stage"):
        kept[key], left[key] = left[key], kept[key]


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (flip_decision, "decisions match the manifest"),
        (repeat_decision, "ids are unique"),
        (lambda rows: rows.pop(), "decisions match the manifest"),
        (swap_two_decisions, "documents are where decisions put them"),
    ],
)
def test_an_edited_decision_is_found_even_with_its_digest_put_right(
    build: Path, change: Callable[[Rows], Any], check: str
) -> None:
    rewrite_rows(next((build / "decisions").iterdir()), change)
    assert failures(build)
    reseal(build)
    found = failures(build)
    assert check in found
    assert "cannot be checked" not in "".join(found.values())


def add_unknown(rows: Rows) -> None:
    rows.append({**rows[0], "id": "unknown"})


def set_first(**values: Any) -> Callable[[Rows], Any]:
    return lambda rows: rows[0].update(values)


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (add_unknown, "documents are where decisions put them"),
        (lambda rows: rows.append(rows[0]), "rows match their decisions"),
        (set_first(num_tokens=10**6), "rows match their decisions"),
        (set_first(domain="web"), "domains match the manifest"),
        (set_first(license="MIT, perhaps"), "licences match the manifest"),
        (set_first(license=" "), "rows are well formed"),
        (set_first(text="cafe\u0301"), "rows are well formed"),
        (set_first(text="a\0b"), "rows are well formed"),
        (set_first(metadata="[]"), "rows are well formed"),
        (lambda rows: rows.pop(), "totals match the manifest"),
    ],
)  # fmt: skip
def test_an_edited_row_is_found_even_with_its_digest_put_right(
    build: Path, change: Callable[[Rows], Any], check: str
) -> None:
    rewrite_rows(sorted((build / "shards").iterdir())[0], change)
    assert failures(build)
    reseal(build)
    found = failures(build)
    assert check in found
    assert "cannot be checked" not in "".join(found.values())


def test_a_heldout_document_in_the_shards_is_found(build: Path) -> None:
    held_out = pq.read_table(next((build / "heldout").iterdir())).to_pylist()[0]
    rewrite_rows(sorted((build / "shards").iterdir())[0], lambda rows: rows.append(held_out))
    reseal(build)
    found = failures(build)["held-out documents are in no shard"]
    assert found == f"{held_out['id']} is held out and in the shards"


def test_a_copy_of_a_heldout_document_under_another_id_is_found(build: Path) -> None:
    held_out = pq.read_table(next((build / "heldout").iterdir())).to_pylist()[0]
    copy = {**held_out, "id": held_out["id"][:CONTENT_DIGITS] + "-elsewhere"}
    rewrite_rows(sorted((build / "shards").iterdir())[0], lambda rows: rows.append(copy))
    reseal(build)
    found = failures(build)["held-out documents are in no shard"]
    assert found == f"{held_out['id']} is held out and in the shards, as {copy['id']}"


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda data: data["sources"][0].update(num_read=1), "every record read is accounted for"),
        (lambda data: data["domains"][0].update(achieved=0.5), "domains match the manifest"),
        (lambda data: data["domains"][0].update(num_available=1), "domains match the manifest"),
        (lambda data: data["sources"][0].update(licenses={}), "licences match the manifest"),
        (lambda data: data.update(total_variation=0.5), "totals match the manifest"),
        (lambda data: data.update(num_tokens=1), "totals match the manifest"),
        (lambda data: data["sources"].pop(0), "decisions match the manifest"),
    ],
)
def test_an_edited_manifest_is_found(
    build: Path, change: Callable[[dict[str, Any]], Any], check: str
) -> None:
    edit_manifest(build, change)
    assert check in failures(build)


def test_another_schema_is_found(build: Path) -> None:
    path = next((build / "heldout").iterdir())
    pq.write_table(pq.read_table(path).drop_columns(["url"]), path)
    assert "columns are" in failures(build)["columns are as documented"]


def test_a_folder_without_a_manifest_is_an_error_of_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no manifest\.json in it"):
        verify(tmp_path)


def test_many_problems_are_counted_and_few_are_named() -> None:
    check = judge("name", (str(i) for i in range(1000)))
    assert check.message == "0; 1; 2; 3; 4; and 995 more"
