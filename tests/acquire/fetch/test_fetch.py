"""Files from elsewhere into the store: whole, once each, whatever happens on the way."""

import contextlib
import errno
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.acquire.fetch import fetch_file, is_stored, key_of, locked_part
from pipeline.acquire.pages import describe
from pipeline.acquire.part_file import PartFile
from pipeline.acquire.remote import RemoteFile, World
from pipeline.acquire.world import open_world
from pipeline.errors import FetchError, InputError
from pipeline.store import NotStoredError, Store
from tests.support.fetching import CONTENT, DIGEST, parts, start_fetching
from tests.support.web import Fault, Web, downloads


def test_a_file_is_fetched_once_and_then_found(
    web: Web, file: RemoteFile, store: Store, world: World
) -> None:
    with pytest.raises(NotStoredError):
        fetch_file(file, store.lookup(), world, "wiki")
    assert web.requests == []
    assert not is_stored(file, store)
    unit = fetch_file(file, store, world, "wiki")
    assert (unit.source, unit.name, unit.digest) == ("wiki", "dump.txt", DIGEST)
    assert unit.num_bytes == len(CONTENT)
    assert unit.path.read_bytes() == CONTENT
    assert is_stored(file, store)
    assert fetch_file(file, store.lookup(), world, "wiki") == unit
    assert fetch_file(replace(file, name="other"), store, world, "o").path == unit.path
    assert len(web.requests) == 1
    assert parts(store) == []
    assert list((store.root / ".partial").iterdir()) == []


def test_another_version_is_another_entry(
    web: Web, file: RemoteFile, store: Store, world: World
) -> None:
    fetch_file(file, store, world, "wiki")
    web.files["/dump"] = CONTENT[::-1]
    changed = describe(file, world)
    assert fetch_file(changed, store, world, "wiki").path.read_bytes() == CONTENT[::-1]
    assert is_stored(file, store)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(0, 3_000), cuts=st.lists(st.integers(1, 1_500), max_size=6))
def test_however_it_is_cut_it_ends_whole_and_no_byte_is_asked_for_twice(
    web: Web, world: World, tmp_path_factory: pytest.TempPathFactory, size: int, cuts: list[int]
) -> None:
    web.files["/cut"] = CONTENT[:size]
    faults = iter(cuts)

    def next_fault(path: str, method: str) -> Fault:
        cut = next(faults, None) if method == "GET" else None
        return Fault(cut_after=cut)

    web.take_fault = Web().take_fault  # type: ignore[method-assign]
    file = describe(RemoteFile("cut", web.address("/cut"), ""), world)
    web.take_fault = next_fault  # type: ignore[method-assign]
    web.requests.clear()
    store = Store(tmp_path_factory.mktemp("store"))
    assert fetch_file(file, store, world, "s").path.read_bytes() == CONTENT[:size]
    place, expected = 0, []
    for cut in [*cuts, size]:
        if place < size:
            expected.append(f"bytes={place}-" if place else None)
            place += cut
    assert [request.headers.get("range") for request in web.asked("GET")] == expected


def test_a_process_that_is_killed_leaves_what_it_has_and_the_next_goes_on(
    web: Web, file: RemoteFile, store: Store, world: World
) -> None:
    web.faults["/dump"] = Fault(pause=0.02, method="GET", times=1)
    process = start_fetching(file.address, store.root)
    part = store.root / ".downloads" / f"{key_of(file)}.part"
    wait_for(lambda: part.exists() and part.stat().st_size > 20_000)
    process.kill()
    process.communicate()
    there = part.stat().st_size
    assert 20_000 < there < len(CONTENT)
    assert parts(store) == [".json", ".lock", ".part"]
    assert not is_stored(file, store)
    web.requests.clear()
    assert fetch_file(file, store, world, "wiki").digest == DIGEST
    (request,) = web.asked("GET")
    assert request.headers["range"] == f"bytes={there}-"
    assert parts(store) == []


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("did not come about")


def test_two_processes_fetch_a_file_once(web: Web, file: RemoteFile, store: Store) -> None:
    web.faults["/dump"] = Fault(pause=0.01, method="GET")
    both = [start_fetching(file.address, store.root) for _ in range(2)]
    assert [process.communicate()[0] for process in both] == [DIGEST, DIGEST]
    assert len(web.asked("GET")) == 1
    assert parts(store) == []


def test_many_threads_fetch_a_file_once(
    web: Web, file: RemoteFile, store: Store, world: World
) -> None:
    patient = replace(world, sleep=lambda seconds: time.sleep(0.01))
    with ThreadPoolExecutor(8) as pool:
        units = list(pool.map(lambda _: fetch_file(file, store, patient, "s"), range(16)))
    assert {unit.digest for unit in units} == {DIGEST}
    assert len(web.asked("GET")) == 1
    assert parts(store) == []


def test_a_lock_is_never_held_twice(tmp_path: Path, world: World) -> None:
    """Though it is removed whenever it is given back."""
    holders: list[int] = []
    most = []

    def work(number: int) -> None:
        for _ in range(40):
            with locked_part(tmp_path / "a.part", world):
                holders.append(number)
                most.append(len(holders))
                holders.remove(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(most) == 160
    assert max(most) == 1
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_said_and_what_is_there_stays(
    web: Web, file: RemoteFile, store: Store, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = PartFile.append

    def fail_late(part: PartFile, chunk: bytes) -> None:
        if part.num_bytes > 50_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(part, chunk)

    with monkeypatch.context() as patch:
        patch.setattr(PartFile, "append", fail_late)
        with pytest.raises(FetchError, match=r"source s: .*the disk of the store \(.*\) is full"):
            fetch_file(file, store, world, "s")
    there = (store.root / ".downloads" / f"{key_of(file)}.part").stat().st_size
    assert there > 50_000
    web.requests.clear()
    assert fetch_file(file, store, world, "s").digest == DIGEST
    assert [request.headers["range"] for request in web.requests] == [f"bytes={there}-"]


def test_a_disk_that_is_full_at_the_very_end_costs_no_byte_twice(
    web: Web, file: RemoteFile, store: Store, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(folder: Path, info: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.store._write_entry", fail)
        with pytest.raises(FetchError, match="is full"):
            fetch_file(file, store, world, "s")
    web.requests.clear()
    assert fetch_file(file, store, world, "s").digest == DIGEST
    assert web.requests == []


def test_a_file_system_without_links_will_do(
    file: RemoteFile, store: Store, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    assert fetch_file(file, store, world, "s").path.read_bytes() == CONTENT
    assert parts(store) == []


def test_errors_name_source_and_address(web: Web, store: Store, world: World) -> None:
    gone = RemoteFile("gone", web.address("/gone"), 'etag:"1"')
    with pytest.raises(InputError, match=r"^source wiki: http://.*/gone: the server answered 404"):
        fetch_file(gone, store, world, "wiki")
    with pytest.raises(InputError, match=r"s3 is not among runtime\.downloads\.schemes"):
        fetch_file(RemoteFile("x", "s3://bucket/x", "etag:1"), store, world, "wiki")


def test_closing_the_world_stops_who_waits_for_a_lock(
    web: Web, file: RemoteFile, store: Store
) -> None:
    path = store.root / ".downloads" / f"{key_of(file)}.part"
    with contextlib.ExitStack() as stack:
        world = stack.enter_context(open_world(downloads(), {}))
        stack.enter_context(locked_part(path, world))
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(fetch_file, file, store, world, "s")
            wait_for(waiting.running)
            world.close()
            assert isinstance(waiting.exception(), CancelledError)
    assert web.requests == []
