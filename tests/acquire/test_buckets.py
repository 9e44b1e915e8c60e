"""Sources in buckets, against a real S3 server: found as local files are, fetched as they are."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.acquire.buckets.lister import list_files
from pipeline.acquire.buckets.transport import FilesystemTransport, checksum_of, identity_of
from pipeline.acquire.local import files
from pipeline.acquire.remote import ChangedError, RemoteFile, TransientError, World
from pipeline.acquire.world import open_world
from pipeline.errors import ConfigError, FetchError, InputError
from pipeline.storage.objects import CHUNK_BYTES
from schemas.recipe import Downloads
from schemas.source import FilesSource
from tests.support.building import content, run, write_recipe
from tests.support.s3 import BUCKET, S3, demanding_credentials

TREE = (
    "a/one.txt", "a/two.md", "a/deep/er/three.txt", "a/deep/two.md", "a/.git/config", "a/.seen.txt",
    "b/one.txt", "b/.hidden.txt", "b/x[1].txt", "deep/a/one.txt", "top.txt",
)  # fmt: skip
PATTERNS = (
    "top.txt", "a", "a/", "*", "*.txt", "a/*", "a/**", "**", "**/*.txt", "a/**/*.txt", "*/one.txt",
    "**/deep", "**/deep/**/*.md", "a/.git", "a/.*", "**/.*", "b/x[[]1].txt", "[ab]/*.txt",
    "a/d*/er/*", "**/a/**", "a/**/**/two.md",
)  # fmt: skip


def source(*paths: str, max_files: int | None = None) -> FilesSource:
    return FilesSource(kind="files", name="some", paths=paths, license="MIT", max_files=max_files)


@pytest.fixture
def world(s3: S3) -> Iterator[World]:
    with open_world(Downloads(max_retries=1), s3.environment, sleep=lambda seconds: None) as world:
        yield world


@pytest.fixture
def tree(s3: S3, tmp_path: Path) -> Path:
    for name in TREE:
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text of {name}")
    (tmp_path / "tree" / "b" / "empty.txt").touch()
    s3.put(tmp_path / "tree", "tree")
    return tmp_path / "tree"


def address(pattern: str) -> str:
    return f"s3://{BUCKET}/tree/{pattern}"


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_same_files_under_the_same_names_as_on_a_disk(
    tree: Path, world: World, pattern: str
) -> None:
    local = files.find_files(source(pattern), tree)
    found = list_files(source(address(pattern)), tree, world).files
    assert {file.name: file.address for file in found} == {
        name: address(path.relative_to(tree).as_posix()) for name, path in local.items()
    }


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    patterns=st.lists(st.sampled_from([p for p in PATTERNS if p != "**"]), min_size=2, max_size=3),
    max_files=st.none() | st.integers(1, 5),
)
def test_several_paths_together_are_as_on_a_disk(
    tree: Path, world: World, patterns: list[str], max_files: int | None
) -> None:
    local = files.find_files(source(*patterns, max_files=max_files), tree)
    remote = source(*map(address, patterns), max_files=max_files)
    assert [file.name for file in list_files(remote, tree, world).files] == list(local)


def test_a_listing_states_size_and_what_tells_versions_apart(
    s3: S3, tree: Path, world: World
) -> None:
    (before,) = list_files(source(address("top.txt")), tree, world).files
    assert before.num_bytes == len("text of top.txt")
    assert before.identity.startswith("etag:")
    transport = FilesystemTransport(world.config, world.environment)
    assert transport.describe(before) == before
    s3.files.pipe_file(f"{BUCKET}/tree/top.txt", b"text of t0p.txt")
    (after,) = list_files(source(address("top.*")), tree, world).files
    assert after.identity != before.identity
    with pytest.raises(ChangedError):
        next(transport.read(before))


def test_only_folders_that_can_match_are_listed(s3: S3, tree: Path, world: World) -> None:
    for index in range(30):
        s3.files.pipe_file(f"{BUCKET}/tree/many/{index}/x.txt", b"x")
    s3.requests.clear()
    list_files(source(address("*/one.txt"), address("many/1*/x.txt")), tree, world)
    assert len(s3.requests) < 1 + 5 + 1 + 11 + 5


def test_a_folder_mark_and_its_folder_are_no_file(s3: S3, world: World, tmp_path: Path) -> None:
    s3.files.call_s3("put_object", Bucket=BUCKET, Key="marked/", Body=b"")
    s3.files.pipe_file(f"{BUCKET}/marked/x.txt", b"x")
    found = list_files(source(f"s3://{BUCKET}/marked"), tmp_path, world)
    assert [file.name for file in found.files] == ["x.txt"]


@pytest.fixture
def large(s3: S3) -> bytes:
    body = bytes(range(256)) * (CHUNK_BYTES // 256 + 1000)
    s3.files.pipe_file(f"{BUCKET}/large.bin", body)
    return body


def test_any_range_can_be_read(large: bytes, world: World) -> None:
    transport = FilesystemTransport(world.config, world.environment)
    file = transport.describe(RemoteFile("x", f"s3://{BUCKET}/large.bin", ""))
    assert file.num_bytes == len(large)
    spanned = RemoteFile("x", file.address, file.identity, span=(100, CHUNK_BYTES + 50))
    assert transport.describe(spanned).num_bytes == CHUNK_BYTES + 50
    for start, length in [(0, None), (7, None), (len(large) - 3, 100), (5, 1), (len(large), 5)]:
        end = None if length is None else start + length
        assert b"".join(transport.read(file, start, length)) == large[start:end]
        part = large[100 : CHUNK_BYTES + 150]
        assert b"".join(transport.read(spanned, start, length)) == part[start:end]


def test_an_object_replaced_while_it_is_read_is_noticed(s3: S3, large: bytes, world: World) -> None:
    transport = FilesystemTransport(world.config, world.environment)
    file = transport.describe(RemoteFile("x", f"s3://{BUCKET}/large.bin", ""))
    chunks = transport.read(file)
    next(chunks)
    s3.files.pipe_file(f"{BUCKET}/large.bin", large[::-1])
    with pytest.raises(ChangedError):
        list(chunks)


def test_a_server_that_fails_for_now_is_asked_again(s3: S3, tree: Path, world: World) -> None:
    failures = [503]
    s3.fault = lambda method, path: failures.pop() if failures else None
    assert list_files(source(address("top.txt")), tree, world).files
    s3.fault = lambda method, path: 500
    with pytest.raises(FetchError, match=r"source some: .*tried 2 times"):
        list_files(source(address("top.txt")), tree, world)
    transport = FilesystemTransport(world.config, world.environment)
    with pytest.raises(TransientError):
        next(transport.read(RemoteFile("x", address("top.txt"), "")))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("s3://corpora/tree/*.zip", "matches no object"),
        ("s3://corpora/absent.txt", "nothing is there"),
        ("s3://no-such-bucket/x/*.txt", "no such bucket"),
        ("s3://", "name a bucket"),
        ("s3://*/x", "name a bucket"),
        ("s3://corpora/../x", "only dots"),
        ("hf://datasets/owner", "name a repository"),
        ("ftp://host/x", "ftp"),
        ("https://host/x", "kind: http"),
    ],
)
def test_a_wrong_path_is_one_clear_error(tree: Path, world: World, path: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        list_files(source(path), tree, world)
    assert "source some: paths" in str(error.value)


def test_a_library_that_is_not_there_is_named(
    tree: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(scheme: str) -> None:
        raise ImportError(scheme)

    monkeypatch.setattr("fsspec.get_filesystem_class", fail)
    with pytest.raises(InputError, match=r"pip install 'anchor-corpus\[gs\]'"):
        list_files(source("gs://corpora/x"), tree, world)


def test_only_schemes_that_the_recipe_allows_are_asked(s3: S3, tmp_path: Path) -> None:
    with (
        open_world(Downloads(schemes=("https",)), s3.environment) as world,
        pytest.raises(ConfigError, match=r"runtime\.downloads\.schemes"),
    ):
        list_files(source("s3://corpora/x"), tmp_path, world)
    assert s3.requests == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "hush-hush"}, "SignatureDoesNotMatch"),
        ({"AWS_ACCESS_KEY_ID": "AKIANOBODY"}, "InvalidAccessKeyId"),
    ],
)
def test_wrong_credentials_are_said_and_not_shown(
    s3: S3, tree: Path, changed: dict[str, str], said: str
) -> None:
    environment = {**s3.environment, **changed}
    with demanding_credentials(s3), open_world(Downloads(), environment) as world:
        with pytest.raises(InputError, match=said) as error:
            list_files(source(address("*")), tree, world)
        with pytest.raises(InputError, match="AWS_SECRET_ACCESS_KEY"):
            list_files(source(address("top.txt")), tree, world)
    assert environment["AWS_SECRET_ACCESS_KEY"] not in str(error.value)


def test_without_credentials_public_objects_are_read_unsigned(
    s3: S3, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tree / "absent"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tree / "absent"))
    s3.files.chmod(f"{BUCKET}/tree/top.txt", acl="public-read")
    transport = FilesystemTransport(Downloads(), {"AWS_ENDPOINT_URL": s3.url})
    s3.headers.clear()
    assert b"".join(transport.read(RemoteFile("x", address("top.txt"), ""))) == b"text of top.txt"
    with pytest.raises(InputError, match="access is denied"):
        next(transport.read(RemoteFile("x", address("a/one.txt"), "")))
    assert s3.headers
    assert not any("authorization" in names for names in s3.headers)


def test_whoever_says_so_pays_for_requests(s3: S3, tree: Path) -> None:
    environment = {**s3.environment, "AWS_REQUEST_PAYER": "requester"}
    s3.headers.clear()
    with open_world(Downloads(), environment) as world:
        files = list_files(source(address("a/**")), tree, world).files
        list_files(source(address("top.txt")), tree, world)
        transport = FilesystemTransport(world.config, world.environment)
        assert b"".join(transport.read(files[0])) == b"text of a/deep/er/three.txt"
    assert s3.headers
    assert all("x_amz_request_payer" in names for names in s3.headers)


def test_a_build_from_a_bucket_is_the_build_from_the_disk(s3: S3, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    local, _ = run(recipe, tmp_path / "local", tmp_path / "store")
    for name in ("code", "pages"):
        s3.put(tmp_path / name, f"in/{name}")
    data = yaml.safe_load(recipe.read_text())
    for source in data["sources"]:
        source["paths"] = [f"s3://{BUCKET}/in/{path}" for path in source["paths"]]
    recipe.write_text(yaml.safe_dump(data))
    remote, stages = run(recipe, tmp_path / "remote", tmp_path / "store2")
    shards = {e.path: e.sha256 for e in local.files if e.path.startswith("shards/")}
    assert shards == {e.path: e.sha256 for e in remote.files if e.path.startswith("shards/")}
    assert all(s.origin.startswith(f"s3://{BUCKET}/in/") for s in remote.sources)

    again, stages = run(recipe, tmp_path / "remote", tmp_path / "store2")
    assert again == remote
    assert (stages["fetch"].num_reused, stages["normalize"].num_reused) == (3, 6)  # of one source

    first = (tmp_path / "pages" / "0.jsonl").read_text()
    s3.files.pipe_file(f"{BUCKET}/in/pages/0.jsonl", first.replace("module", "thing").encode())
    _, stages = run(recipe, tmp_path / "remote", tmp_path / "store2")
    assert (stages["fetch"].num_reused, stages["normalize"].num_reused) == (2, 5)
    assert all(s3.environment["AWS_SECRET_ACCESS_KEY"].encode() not in text for text in (
        *content(tmp_path / "remote").values(), *content(tmp_path / "store2").values()
    ))  # fmt: skip


def test_what_other_owners_say_of_their_objects() -> None:
    google = {"size": 5, "generation": "17", "etag": "CJ", "md5Hash": "XUFAKrxLKna5cZ2REBfFkg=="}
    assert identity_of(google) == "generation:17-5"
    assert checksum_of(google) == "md5:5d41402abc4b2a76b9719d911017c592"
    hub = {"size": 5, "blob_id": "abc", "lfs": {"sha256": "ff" * 32, "size": 5}}
    assert identity_of(hub) == "blob_id:abc-5"
    assert checksum_of(hub) == f"sha256:{'ff' * 32}"
    assert (identity_of({"size": 5}), checksum_of({"size": 5})) == ("", None)
