"""What is fetched is one version: of the size, the checksum and the tag that were listed."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.acquire.fetch import fetch_file, is_stored, key_of
from pipeline.acquire.pages import describe
from pipeline.acquire.part_file import PartFile
from pipeline.acquire.remote import RemoteFile, RowGroups, World
from pipeline.errors import FetchError, IntegrityError
from pipeline.store import NotStoredError, Store
from tests.support.fetching import CONTENT, DIGEST, parts
from tests.support.web import Fault, Web, world_of


def test_bytes_of_another_version_are_not_gone_on_with(
    web: Web, file: RemoteFile, store: Store
) -> None:
    """A checksum is the same for every version that the server names; its bytes are not."""
    file = replace(file, checksum=f"sha256:{DIGEST}")
    with world_of(max_retries=0) as world:
        web.files["/dump"] = CONTENT[::-1]
        web.faults["/dump"] = Fault(cut_after=9_000, method="GET")
        with pytest.raises(FetchError):
            fetch_file(describe(file, world), store, world, "s")
        assert parts(store) == [".json", ".part"]
        web.requests.clear()
        web.faults.clear()
        web.files["/dump"] = CONTENT
        assert fetch_file(file, store, world, "s").digest == DIGEST
    assert ["range" in request.headers for request in web.requests] == [False]


def test_bytes_from_before_a_restart_of_the_machine_count_only_with_a_checksum(
    tmp_path: Path, file: RemoteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = tmp_path / "boot"
    monkeypatch.setattr("pipeline.acquire.part_file._BOOT_ID", boot)
    for wanted, kept in ((file, 0), (replace(file, checksum=f"sha256:{DIGEST}"), 5)):
        path = tmp_path / "a.part"
        boot.write_text("first\n")
        for expected in (0, 5):
            with PartFile(path, wanted, keep=True) as part:
                assert part.num_bytes == expected
                part.restart()
                part.append(b"12345")
        boot.write_text("second\n")
        with PartFile(path, wanted, keep=True) as part:
            assert part.num_bytes == kept
            assert part.sha256 == hashlib.sha256(b"12345"[:kept]).hexdigest()


@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "md5", "git"])
def test_checksums_are_verified(
    web: Web, file: RemoteFile, store: Store, world: World, algorithm: str
) -> None:
    if algorithm == "git":
        right = hashlib.sha1(b"blob 128000\0" + CONTENT).hexdigest()
    else:
        right = hashlib.new(algorithm, CONTENT).hexdigest()
    file = replace(file, checksum=f"{algorithm}:{right}")
    assert fetch_file(file, store, world, "s").digest == DIGEST
    wrong = replace(file, checksum=f"{algorithm}:{'0' * len(right)}")
    web.requests.clear()
    with pytest.raises(IntegrityError, match=rf"source s: .*/dump: has the checksum .*{right}"):
        fetch_file(wrong, store, world, "s")
    assert ["range" in request.headers for request in web.asked("GET")] == [False, False]
    assert parts(store) == []
    assert not is_stored(wrong, store)


def test_what_was_damaged_on_the_way_is_fetched_once_more(
    web: Web, file: RemoteFile, store: Store, world: World
) -> None:
    file = replace(file, checksum=f"sha256:{DIGEST}")
    web.faults["/dump"] = Fault(times=1, encode=lambda content: bytes(len(content)))
    assert fetch_file(file, store, world, "s").path.read_bytes() == CONTENT
    assert len(web.asked("GET")) == 2


def test_a_checksum_of_the_whole_says_nothing_of_a_span(
    web: Web, file: RemoteFile, store: Store, world: World
) -> None:
    part = replace(file, checksum=f"sha256:{DIGEST}", span=(1_000, 500), num_bytes=500)
    assert fetch_file(part, store, world, "s").path.read_bytes() == CONTENT[1_000:1_500]
    assert fetch_file(file, store, world, "s").digest == DIGEST


def test_spans_and_parts_are_entries_of_their_own(file: RemoteFile) -> None:
    files = [
        file,
        replace(file, span=(0, 5)),
        replace(file, span=(0, 6)),
        replace(file, part=RowGroups(128_000, 1, None)),
        replace(file, part=RowGroups(128_000, 2, None)),
        replace(file, part=RowGroups(128_000, None, ("text",))),
        replace(file, identity="etag:other"),
        replace(file, address=f"{file.address}2"),
        replace(file, checksum=f"sha256:{DIGEST}"),
    ]
    assert len({key_of(each) for each in files}) == len(files)
    assert key_of(replace(file, name="other", token_variable="T")) == key_of(file)


def test_a_file_that_changed_since_it_was_listed_is_taken_as_it_is(
    web: Web, file: RemoteFile, store: Store, world: World
) -> None:
    newer = CONTENT[::-1]
    web.faults["/dump"] = Fault(times=1, cut_after=50_000, becomes=newer)
    unit = fetch_file(file, store, world, "s")
    assert unit.path.read_bytes() == newer
    assert not is_stored(file, store)
    assert is_stored(describe(file, world), store)
    ranges = [request.headers.get("range") for request in web.asked("GET")]
    assert ranges == [None, "bytes=50000-", None]
    assert parts(store) == []


def test_a_file_that_keeps_changing_is_given_up(
    web: Web, file: RemoteFile, store: Store, world: World
) -> None:
    def change(path: str, method: str) -> Fault:
        web.files[path] = web.files[path][::-1]
        return Fault()

    web.take_fault = change  # type: ignore[method-assign]
    with pytest.raises(FetchError, match=r"source s: .*does not stay as .*: it was etag:"):
        fetch_file(file, store, world, "s")
    assert len(web.asked("GET")) == 2
    assert parts(store) == []


def test_a_size_that_does_not_hold_is_an_error(
    web: Web, file: RemoteFile, store: Store, world: World
) -> None:
    pinned = replace(file, identity="sha256:of-the-listing", num_bytes=128_001)
    with pytest.raises(FetchError, match="has 128,000 bytes and was listed with 128,001"):
        fetch_file(pinned, store, world, "s")
    # Where the server does not say how long its answer is, the end is all there is to go by.
    web.faults["/dump"] = Fault(headers={"Content-Length": "", "Connection": "close"})
    with pytest.raises(FetchError, match="has 128,000 bytes and was listed with 128,001"):
        fetch_file(pinned, store, world, "s")
    with pytest.raises(FetchError, match="has more than the 127,999 bytes it was listed with"):
        fetch_file(replace(pinned, num_bytes=127_999), store, world, "s")
    assert not (store.root / "acquire").exists()


def test_a_file_without_version_is_fetched_for_every_build(
    web: Web, store: Store, world: World
) -> None:
    web.faults["/dump"] = Fault(headers={"ETag": "", "Last-Modified": ""})
    file = describe(RemoteFile("dump", web.address("/dump"), ""), world)
    assert file.identity == ""
    first = fetch_file(file, store, world, "s")
    assert not is_stored(file, store)
    with pytest.raises(NotStoredError):
        fetch_file(file, store.lookup(), world, "s")
    assert fetch_file(file, store, world, "s") == first
    web.files["/dump"] = CONTENT[::-1]
    assert fetch_file(file, store, world, "s").digest != first.digest
    assert len(web.asked("GET")) == 3
    assert parts(store) == []


def test_a_file_without_version_is_not_gone_on_with(web: Web, store: Store, world: World) -> None:
    headers = {"ETag": "", "Last-Modified": ""}
    web.faults["/dump"] = Fault(times=2, headers=headers, cut_after=60_000)
    file = RemoteFile("dump", web.address("/dump"), "")
    assert fetch_file(file, store, world, "s").digest == DIGEST
    assert [request.headers.get("range") for request in web.requests] == [None, None, None]


def test_a_server_that_knows_no_ranges_is_read_from_the_start(
    web: Web, file: RemoteFile, store: Store, world: World
) -> None:
    cuts = iter([30_000, 70_000])
    web.take_fault = lambda path, method: Fault(  # type: ignore[method-assign]
        ignores_range=True, cut_after=next(cuts, None)
    )
    assert fetch_file(file, store, world, "s").digest == DIGEST
    assert len(web.asked("GET")) == 3
