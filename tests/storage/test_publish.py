"""Outputs in a bucket, against a real S3 server: one whole output for every reader, or none."""

import hashlib
import json
from pathlib import Path

import datasets
import duckdb
import pyarrow.dataset as ds
import pytest

from pipeline.audit.verify import verify
from pipeline.errors import FetchError, InputError, OutputError
from pipeline.storage.publish import check_address, open_output, publish
from tests.support.building import content, run, write_recipe
from tests.support.outputs import write_output
from tests.support.s3 import BUCKET, S3, demanding_credentials

ADDRESS = f"s3://{BUCKET}/out"
OLD = {"shards/a.parquet": b"old a", "shards/b.parquet": b"old b", "README.md": b"same"}
NEW = {"shards/a.parquet": b"new a", "heldout/c.parquet": b"new c", "README.md": b"same"}


def assert_whole_or_none(held: dict[str, bytes]) -> None:
    """Check that a reader who finds a manifest finds what it lists, and no other data."""
    if "manifest.json" in held:
        listed = {e["path"]: e["sha256"] for e in json.loads(held["manifest.json"])["files"]}
        digests = {name: hashlib.sha256(body).hexdigest() for name, body in held.items()}
        assert {name: digests.get(name) for name in listed} == listed
        assert {name for name in held if name.endswith(".parquet")} <= set(listed)


def test_a_later_output_replaces_an_earlier_one(s3: S3, tmp_path: Path) -> None:
    old, new = write_output(tmp_path / "old", OLD), write_output(tmp_path / "new", NEW)
    for neighbour in ("out/notes.txt", "out2/shards/a.parquet", "out.txt"):
        s3.files.pipe_file(f"{BUCKET}/{neighbour}", b"of others")
    s3.files.rm_file(f"{BUCKET}/out/notes.txt")
    assert publish(old, ADDRESS, s3.environment)
    assert s3.names("out") == content(old)
    s3.files.pipe_file(f"{BUCKET}/out/notes.txt", b"of others")
    s3.requests.clear()
    assert publish(new, ADDRESS, s3.environment)
    writes = [request for request in s3.requests if request[0] != "GET" and request[0] != "HEAD"]
    assert writes[1] == ("DELETE", "/corpora/out/manifest.json")
    assert writes[-2] == ("PUT", "/corpora/out/manifest.json")
    assert s3.names("out") == {**content(new), "notes.txt": b"of others"}
    assert s3.names("out2") == {"shards/a.parquet": b"of others"}


def test_what_is_there_already_is_not_sent_again(s3: S3, tmp_path: Path) -> None:
    folder = write_output(tmp_path / "out", OLD)
    assert publish(folder, ADDRESS, s3.environment)
    s3.requests.clear()
    assert not publish(folder, ADDRESS + "/", s3.environment)
    assert {method for method, _ in s3.requests} <= {"GET", "HEAD"}
    s3.files.rm_file(f"{BUCKET}/out/shards/b.parquet")
    assert publish(folder, ADDRESS, s3.environment)
    assert s3.names("out") == content(folder)


NUM_WRITES = 9
"""Of NEW over OLD: upload.json and off with the manifest, four files, one off, the same again."""


@pytest.mark.parametrize("num_writes", range(NUM_WRITES + 1))
def test_wherever_it_breaks_off_no_reader_sees_a_mix_and_the_next_run_ends_it(
    s3: S3, tmp_path: Path, num_writes: int
) -> None:
    old, new = write_output(tmp_path / "old", OLD), write_output(tmp_path / "new", NEW)
    publish(old, ADDRESS, s3.environment)
    seen: list[dict[str, bytes]] = []

    def break_off(method: str, path: str) -> int | None:
        if method in ("GET", "HEAD"):
            return None
        seen.append(s3.names("out"))
        return 500 if len(seen) > num_writes else None

    s3.fault = break_off
    once = {**s3.environment, "AWS_MAX_ATTEMPTS": "1"}
    if num_writes < NUM_WRITES:
        with pytest.raises(FetchError, match="the same command goes on"):
            publish(new, ADDRESS, once)
    else:
        assert publish(new, ADDRESS, once)
    s3.fault = lambda method, path: None
    seen.append(s3.names("out"))
    for held in seen:
        assert_whole_or_none(held)
    assert publish(new, ADDRESS, s3.environment) == (num_writes < NUM_WRITES)
    assert s3.names("out") == content(new)


def test_other_things_are_not_written_over(s3: S3, tmp_path: Path) -> None:
    folder = write_output(tmp_path / "out", OLD)
    s3.files.pipe_file(f"{BUCKET}/taken/precious.txt", b"mine")
    s3.files.pipe_file(f"{BUCKET}/foreign/manifest.json", b'{"manifest_version": 3}')
    s3.files.pipe_file(f"{BUCKET}/torn/manifest.json", b"{")
    for name, said in [("taken", "no manifest.json"), ("foreign", "none of a build"),
                       ("torn", "none of a build"), ("", "no manifest.json")]:  # fmt: skip
        with pytest.raises(OutputError, match=said):
            check_address(f"s3://{BUCKET}/{name}", s3.environment)
        with pytest.raises(OutputError, match=said):
            publish(folder, f"s3://{BUCKET}/{name}", s3.environment)
    assert set(s3.names()) == {"taken/precious.txt", "foreign/manifest.json", "torn/manifest.json"}
    with pytest.raises(InputError, match="no such bucket"):
        check_address("s3://no-such-bucket/out", s3.environment)
    with demanding_credentials(s3), pytest.raises(InputError, match=r"denied|not accepted"):
        check_address(ADDRESS, {**s3.environment, "AWS_SECRET_ACCESS_KEY": "hush"})


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_build_in_a_bucket_is_read_by_others_and_verified(s3: S3, tmp_path: Path) -> None:
    manifest, _ = run(write_recipe(tmp_path), tmp_path / "out", tmp_path / "store")
    publish(tmp_path / "out", ADDRESS, s3.environment)
    shards = f"{BUCKET}/out/shards"
    digests = {e.path: e.sha256 for e in manifest.files}
    held = s3.names("out")
    assert {name: hashlib.sha256(held[name]).hexdigest() for name in digests} == digests

    local = ds.dataset(tmp_path / "out" / "shards").to_table()
    assert ds.dataset(shards, filesystem=s3.files).to_table().equals(local)
    with duckdb.connect() as connection:
        connection.register_filesystem(s3.files)
        (rows,) = connection.sql(f"SELECT count(*) FROM 's3://{shards}/*.parquet'").fetchall()
    assert rows == (manifest.num_rows,)
    options = {"endpoint_url": s3.url, "key": "any", "secret": "any"}
    rows = datasets.load_dataset(
        "parquet", data_files=f"s3://{shards}/*.parquet", storage_options=options,
        split="train", cache_dir=str(tmp_path / "cache"),
    )  # fmt: skip
    assert rows["id"][:] == local["id"].to_pylist()

    with open_output(ADDRESS, s3.environment) as folder:
        assert verify(folder).ok
    name = next(name for name in digests if name.startswith("shards/"))
    s3.files.pipe_file(f"{BUCKET}/out/{name}", held[name][:-1] + b"x")
    s3.files.pipe_file(f"{BUCKET}/out/shards/more.parquet", held[name])
    with open_output(ADDRESS, s3.environment) as folder:
        failed = [check.name for check in verify(folder).checks if not check.ok]
    assert failed[:2] == ["files are as the manifest says", "no other data files"]


@pytest.mark.parametrize("name", ["../escape", "/etc/escape", "a/../../escape"])
def test_names_in_a_bucket_lead_nowhere_else(s3: S3, name: str, tmp_path: Path) -> None:
    publish(write_output(tmp_path / "out", OLD), ADDRESS, s3.environment)
    s3.files.call_s3("put_object", Bucket=BUCKET, Key=f"out/{name}", Body=b"x")
    with (
        pytest.raises(Exception, match="no path in its folder"),
        open_output(ADDRESS, s3.environment),
    ):
        pass


def test_only_a_whole_output_is_fetched(s3: S3) -> None:
    with (
        pytest.raises(InputError, match=r"no manifest\.json there"),
        open_output(ADDRESS, s3.environment),
    ):
        pass
