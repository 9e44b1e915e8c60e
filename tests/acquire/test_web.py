"""Sources of kind `http`: which files they are, what is asked of servers, and whole builds."""

import hashlib
import json
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.acquire.checksums import Checksums, parse_list
from pipeline.acquire.remote import Listing, World
from pipeline.acquire.web.links import links_of, page_folder
from pipeline.acquire.web.lister import list_files
from pipeline.acquire.web.names import file_name, unit_names
from pipeline.audit.verify import verify
from pipeline.errors import FetchError, InputError, IntegrityError
from schemas.source import HttpSource
from tests.support.building import content, run
from tests.support.web import Fault, Web, serve, tag_of, world_of

PAGE = b"""<!DOCTYPE html><title>Index of /dumps/</title>
<a href="../">Parent</a> <a href="?C=N;O=D">Name</a> <a href="/dumps/sub/">sub/</a>
<a href="a.jsonl">a</a> <a href="b%20c.jsonl#top">b</a> <A HREF="./sub/d.jsonl">d</A>
<a href="/elsewhere/e.jsonl">e</a> <a href="https://example.org/dumps/f.jsonl">f</a>
<a href="sub/../../g.jsonl">g</a> <a href="x/%2e%2e/%2e%2e/h.jsonl">h</a>
<a href="i.jsonl?x=1">i</a> <a href="a.jsonl">a again</a>
<a href="readme.txt">readme</a> <a href="mailto:me@x.org">me</a>
<a href="http://[">broken</a> <a name="anchor">none</a> <a href="javascript:void(0)">s</a>"""

FOLDER = {
    "/dumps/": PAGE,
    "/dumps/a.jsonl": b"A",
    "/dumps/b%20c.jsonl": b"BB",
    "/dumps/sub/d.jsonl": b"DDD",
    "/dumps/readme.txt": b"read me",
}


@pytest.fixture
def web() -> Iterator[Web]:
    with serve(FOLDER) as server:
        yield server


@pytest.fixture
def world() -> Iterator[World]:
    with world_of() as opened:
        yield opened


def source(**given: Any) -> HttpSource:
    return HttpSource(kind="http", name="dumps", license="MIT", **given)


def listed(world: World, **given: Any) -> Listing:
    return list_files(source(**given), Path(), world)


def test_a_page_lists_the_files_below_it(web: Web, world: World) -> None:
    listing = listed(world, pages=[web.address("/dumps/")], links=["*.jsonl"])
    assert [(f.name, f.num_bytes, f.identity) for f in listing.files] == [
        ("a.jsonl", 1, f"etag:{tag_of(b'A')}"),
        ("b c.jsonl", 2, f"etag:{tag_of(b'BB')}"),
        ("d.jsonl", 3, f"etag:{tag_of(b'DDD')}"),
    ]
    assert listing.origin == web.address("/dumps/")
    assert listing.revision == ""
    assert [request.path for request in web.asked("GET")] == ["/dumps/"]
    assert len(web.asked("HEAD")) == 3


def test_what_is_not_taken_is_not_asked_for(web: Web, world: World) -> None:
    listing = listed(world, pages=[web.address("/dumps/")], max_files=2)
    assert len(listing.files) == len(web.asked("HEAD")) == 2
    fewer = listed(world, pages=[web.address("/dumps/")], max_files=1)
    assert set(fewer.files) < set(listing.files)


def test_addresses_and_pages_come_together_each_once(web: Web, world: World) -> None:
    urls = [web.address("/dumps/readme.txt"), web.address("/dumps/a.jsonl")]
    listing = listed(world, urls=urls, pages=[web.address("/dumps/")], links=["[ab]*.jsonl"])
    assert [file.name for file in listing.files] == ["a.jsonl", "b c.jsonl", "readme.txt"]
    assert listing.origin == f"http://{web.host}"


def test_a_page_without_files_is_an_error(web: Web, world: World) -> None:
    with pytest.raises(InputError, match=r"source dumps: .*/dumps/: links to no file .*\*\.zip"):
        listed(world, pages=[web.address("/dumps/")], links=["*.zip"])
    web.files["/dumps/"] = b""
    with pytest.raises(InputError, match="is no page with links"):
        listed(world, pages=[web.address("/dumps/")])


def test_errors_name_the_source(web: Web, world: World) -> None:
    with pytest.raises(InputError, match=r"^source dumps: http://.*/gone: .* 404"):
        listed(world, urls=[web.address("/gone")])
    web.faults["/dumps/a.jsonl"] = Fault(status=503)
    with pytest.raises(FetchError, match=r"^source dumps: http://.*/a\.jsonl: .* 503"):
        listed(world, urls=[web.address("/dumps/a.jsonl")])


def test_a_folder_may_be_named_without_its_slash(web: Web, world: World) -> None:
    web.faults["/dumps"] = Fault(redirect="/dumps/")
    listing = listed(world, pages=[web.address("/dumps")], links=["a*"])
    assert [file.address for file in listing.files] == [web.address("/dumps/a.jsonl")]
    assert page_folder("https://x.org/a/list.html?n=1#top") == "https://x.org/a/"
    assert page_folder("https://x.org") == "https://x.org/"


def test_a_page_may_say_what_its_links_are_relative_to() -> None:
    page = b'<base href="files/"><a href="a.gz">a</a> <a href="../../b.gz">b</a>'
    assert list(links_of(page, "https://x.org/d/")) == ["https://x.org/d/files/a.gz"]


@given(st.binary(max_size=300), st.text(max_size=60))
def test_no_page_breaks_the_reader(content: bytes, link: str) -> None:
    page = content + b'<a href="' + link.encode("utf-8", "replace") + b'">'
    for found in links_of(page, "https://x.org/d/"):
        assert found.startswith("https://x.org/d/")


@given(st.lists(st.text(max_size=40), max_size=8))
def test_names_are_safe_and_apart(endings: list[str]) -> None:
    addresses = list(dict.fromkeys(f"https://x.org/d/{ending}" for ending in endings))
    names = unit_names(addresses)
    assert len(set(names.values())) == len(addresses)
    for name in names.values():
        name.encode()
        assert not set(name.split("/")) & {"", ".", ".."}
        assert "\\" not in name
        assert not any(ord(character) < 32 for character in name)


def test_names_are_the_last_part_and_files_of_one_name_get_the_way_to_them() -> None:
    assert file_name("https://x.org/a/b%2Fc%00.gz?x=1") == "b_c_.gz"
    assert file_name("https://x.org/a/%2e%2e") == "x.org"
    assert file_name("https://x.org/") == "x.org"
    names = unit_names(
        [
            "https://x.org/2024/dump.gz",
            "https://x.org/2025/dump.gz",
            "https://x.org/list.txt",
            "https://x.org/get?id=1",
            "https://x.org/get?id=2",
        ]
    )
    first, second, alone, *queries = names.values()
    assert (first, second) == ("x.org/2024/dump.gz", "x.org/2025/dump.gz")
    assert alone == "list.txt"
    assert all(name.endswith("/get") for name in queries)


SHA256 = hashlib.sha256(b"A").hexdigest()
SHA1 = hashlib.sha1(b"A").hexdigest()
MD5 = hashlib.md5(b"A").hexdigest()


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (f"{SHA256}  a.jsonl", ("a.jsonl", f"sha256:{SHA256}")),
        (f"{SHA1} *a.jsonl", ("a.jsonl", f"sha1:{SHA1}")),
        (f"{MD5}  ./sub/a b.jsonl\r", ("./sub/a b.jsonl", f"md5:{MD5}")),
        (f"{MD5} a.jsonl", ("a.jsonl", f"md5:{MD5}")),
        (f"SHA256 (a.jsonl) = {SHA256}", ("a.jsonl", f"sha256:{SHA256}")),
        (f"MD5(a(1).jsonl)= {MD5.upper()}", ("a(1).jsonl", f"md5:{MD5}")),
    ],
)
def test_lists_of_checksums_are_read_as_they_are_written(line: str, entry: tuple[str, str]) -> None:
    text = f"-----BEGIN PGP SIGNED MESSAGE-----\n\n# list\n{line}\nabc  short.txt\n"
    assert list(parse_list(text)) == [entry]


def test_checksums_are_found_by_place_then_by_name() -> None:
    checksums = Checksums()
    checksums.add_list("https://x.org/d/SUMS", f"{SHA1}  sub/a.gz\n{SHA256}  a.gz\n{MD5}  b c.gz\n")
    checksums.add_list("https://x.org/d/MD5", f"{MD5}  a.gz\n{SHA256}  twice/t\n{'0' * 64}  t\n")
    assert checksums.of("https://x.org/d/sub/a.gz") == f"sha1:{SHA1}"
    assert checksums.of("https://x.org/d/a.gz") == f"sha256:{SHA256}"
    assert checksums.of("https://mirror.org/a.gz") == f"sha256:{SHA256}"
    assert checksums.of("https://x.org/d/b%20c.gz") == f"md5:{MD5}"
    assert checksums.of("https://mirror.org/t") is None
    assert checksums.of("https://x.org/none") is None


def test_checksums_are_given_or_listed(web: Web, world: World) -> None:
    web.files["/dumps/SUMS"] = f"{SHA256}  a.jsonl\n{'1' * 64}  b c.jsonl\n".encode()
    given = {"b c.jsonl": f"md5:{MD5}"}
    listing = listed(
        world,
        pages=[web.address("/dumps/")],
        links=["*.jsonl"],
        checksum_lists=[web.address("/dumps/SUMS")],
        checksums=given,
    )
    assert {file.name: file.checksum for file in listing.files} == {
        "a.jsonl": f"sha256:{SHA256}",
        "b c.jsonl": f"md5:{MD5}",
        "d.jsonl": None,
    }
    with pytest.raises(InputError, match=r"checksums: names z\.gz, which is none of the source's"):
        listed(world, urls=[web.address("/dumps/a.jsonl")], checksums={"z.gz": f"md5:{MD5}"})
    with pytest.raises(InputError, match=r"readme\.txt: has no line as sha256sum"):
        listed(
            world,
            urls=[web.address("/dumps/a.jsonl")],
            checksum_lists=[web.address("/dumps/readme.txt")],
        )


# Whole builds.


def lines(texts: list[str]) -> bytes:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


@pytest.fixture
def code(web: Web, tmp_path: Path) -> Path:
    """A recipe whose source is three files of the standard library's code on the server."""
    modules = sorted(Path(sysconfig.get_path("stdlib")).glob("[a-f]*.py"))
    texts = [path.read_text() for path in modules]
    web.files = {f"/code/{part}.jsonl": lines(texts[part::3]) for part in range(3)}
    sums = [f"{hashlib.sha256(c).hexdigest()}  {p[6:]}" for p, c in web.files.items()]
    links = "".join(f'<a href="{path}">file</a>' for path in web.files)
    web.files["/code/SHA256SUMS"] = "\n".join(sums).encode()
    web.files["/code/"] = links.encode()
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe_of(web)))
    return path


def recipe_of(web: Web) -> dict[str, Any]:
    return {
        "name": "dumps",
        "sources": [
            {
                "name": "code",
                "kind": "http",
                "pages": [web.address("/code/")],
                "links": ["*.jsonl"],
                "license": "PSF-2.0",
                "domain": "code",
            }
        ],
        "mixture": {"code": 1},
        "sample": {"tokens": 50_000, "heldout_documents": 2},
        "runtime": {
            "downloads": {"schemes": ["http"], "max_requests_per_second": 1000, "max_retries": 0}
        },
    }


def test_a_build_fetches_what_changed_and_nothing_else(web: Web, code: Path) -> None:
    folder = code.parent
    manifest, stages = run(code, folder / "out", folder / "store")
    assert verify(folder / "out").ok
    assert manifest.num_documents > 5
    assert sorted(r.path for r in web.asked("GET")) == [
        "/code/",
        "/code/0.jsonl",
        "/code/1.jsonl",
        "/code/2.jsonl",
    ]
    assert (stages["fetch"].num_items, stages["fetch"].num_reused) == (3, 0)

    web.requests.clear()
    _, stages = run(code, folder / "again", folder / "store")
    assert content(folder / "again") == content(folder / "out")
    assert [request.path for request in web.asked("GET")] == ["/code/"]
    assert len(web.asked("HEAD")) == 3
    assert stages["fetch"].num_reused == stages["normalize"].num_reused == 3

    web.requests.clear()
    web.files["/code/1.jsonl"] += lines(["import this\n\n# " + "a line that was added " * 9])
    changed, stages = run(code, folder / "changed", folder / "store")
    assert [r.path for r in web.asked("GET")] == ["/code/", "/code/1.jsonl"]
    assert stages["fetch"].num_reused == stages["normalize"].num_reused == 2
    assert changed.sources[0].num_read == manifest.sources[0].num_read + 1


def test_a_build_that_was_cut_goes_on(web: Web, code: Path) -> None:
    folder = code.parent
    size = len(web.files["/code/1.jsonl"])
    web.faults["/code/1.jsonl"] = Fault(cut_after=size // 2, method="GET")
    with pytest.raises(FetchError, match=r"source code: .*/1\.jsonl: .*same command goes on"):
        run(code, folder / "out", folder / "store")
    web.faults.clear()
    web.requests.clear()
    _, stages = run(code, folder / "out", folder / "store")
    assert verify(folder / "out").ok
    asked = {request.path: request.headers.get("range") for request in web.asked("GET")}
    assert asked == {"/code/": None, "/code/1.jsonl": f"bytes={size // 2}-", "/code/2.jsonl": None}
    assert stages["fetch"].num_reused == 1


def test_a_build_checks_room_before_it_fetches(
    web: Web, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.acquire.space.shutil.disk_usage", lambda folder: _Usage())
    with pytest.raises(InputError, match=r"source code: .* are to be fetched .* 10 bytes are"):
        run(code, code.parent / "out", code.parent / "store")
    assert [request.path for request in web.asked("GET")] == ["/code/"]


class _Usage:
    free = 10


def test_a_build_with_a_wrong_checksum_ends(web: Web, code: Path) -> None:
    recipe = recipe_of(web)
    recipe["sources"][0]["checksum_lists"] = [web.address("/code/SHA256SUMS")]
    code.write_text(yaml.safe_dump(recipe))
    run(code, code.parent / "out", code.parent / "store")
    web.files["/code/2.jsonl"] += b"\n"
    with pytest.raises(IntegrityError, match=r"source code: .*/2\.jsonl: has the checksum sha256:"):
        run(code, code.parent / "other", code.parent / "fresh")
