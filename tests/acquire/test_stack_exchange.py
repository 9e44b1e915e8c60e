"""Archives of Stack Exchange: found by what archive.org lists or by asking, read out of .7z."""

import gzip
import json
from collections.abc import Iterator
from hashlib import md5, sha1
from pathlib import Path
from typing import Any

import pytest

from pipeline.acquire.dumps.stack_exchange import list_files
from pipeline.acquire.remote import Listing
from pipeline.errors import FetchError, InputError, IntegrityError
from schemas.source import StackExchangeSource
from tests.support.archives import seven_zip
from tests.support.one_source import build_source, counts, rows
from tests.support.web import Fault, Web, serve, world_of

ITEM = "/download/stackexchange"


def posts(num_questions: int) -> bytes:
    questions = (
        f'<row Id="{n}" PostTypeId="1" Score="3" Title="Question {n}" '
        f'Body="&lt;p&gt;How does one brew beer number {n}, and how long?&lt;/p&gt;" />'
        f'<row Id="{n + 1000}" PostTypeId="2" ParentId="{n}" Score="1" '
        f'Body="&lt;p&gt;With {n} kinds of hops, for {n} weeks.&lt;/p&gt;" />'
        for n in range(1, num_questions + 1)
    )
    return f'<?xml version="1.0"?><posts>{"".join(questions)}</posts>'.encode()


def site_archive(num_questions: int) -> bytes:
    """Return an archive as a site's is: its tables, one of them the posts."""
    return seven_zip({"Badges.xml": b"<badges/>", "Posts.xml": posts(num_questions)})


@pytest.fixture
def web() -> Iterator[Web]:
    with serve() as web:
        yield web


def put_item(web: Web, files: dict[str, bytes]) -> None:
    """Put an item there as archive.org has it: the files, and what it says of them."""
    listed = [
        {
            "name": name,
            "source": "original",
            "mtime": "1712083200",
            "size": str(len(content)),
            "md5": md5(content).hexdigest(),
            "crc32": "00000000",
            "sha1": sha1(content).hexdigest(),
            "format": "7z",
        }
        for name, content in files.items()
    ]
    listed.append({"name": "stackexchange_meta.xml", "source": "original", "format": "Metadata"})
    web.files["/metadata/stackexchange"] = json.dumps({"files": listed, "d1": "x"}).encode()
    web.files["/metadata/nothing"] = b"{}"
    web.files.update({f"{ITEM}/{name}": content for name, content in files.items()})


def listed(web: Web, sites: tuple[str, ...], mirror: str = ITEM, **given: Any) -> Listing:
    source = StackExchangeSource(
        kind="stackexchange", name="forum", sites=sites, mirror=web.address(mirror), **given
    )
    with world_of(max_retries=0) as world:
        return list_files(source, Path(), world)


def test_files_as_archive_org_lists_them(web: Web) -> None:
    files = {"beer.stackexchange.com.7z": b"beer", "stackoverflow.com-Posts.7z": b"posts"}
    put_item(web, {**files, "stackoverflow.com-Users.7z": b"users"})
    listing = listed(web, ("stackoverflow.com", "beer.stackexchange.com"))
    assert [file.name for file in listing.files] == list(files)
    beer = listing.files[0]
    assert beer.address == web.address(f"{ITEM}/beer.stackexchange.com.7z")
    assert (beer.num_bytes, beer.checksum) == (4, f"sha1:{sha1(b'beer').hexdigest()}")
    assert listing.revision == "2024-04-02"
    assert web.asked("HEAD") == []


def test_a_site_that_is_not_there_names_those_like_it(web: Web) -> None:
    put_item(web, {"beer.stackexchange.com.7z": b"", "math.stackexchange.com.7z": b""})
    with pytest.raises(InputError, match=r"source forum: sites: .*did you mean beer\.stackexch"):
        listed(web, ("beers.stackexchange.com",))


def test_an_item_that_is_not_there(web: Web) -> None:
    put_item(web, {})
    with pytest.raises(InputError, match=r"mirror: .*/metadata/nothing lists no file"):
        listed(web, ("beer.stackexchange.com",), "/download/nothing")
    web.files["/metadata/odd"] = b'{"files": [3]}'
    with pytest.raises(InputError, match="does not list files"):
        listed(web, ("beer.stackexchange.com",), "/download/odd")


def test_a_mirror_that_lists_nothing_is_asked_for_each_file(web: Web) -> None:
    web.files["/dumps/beer.stackexchange.com.7z"] = b"beer"
    web.files["/dumps/stackoverflow.com-Posts.7z"] = b"posts"
    listing = listed(web, ("beer.stackexchange.com", "stackoverflow.com"), "/dumps/")
    assert [(file.name, file.num_bytes) for file in listing.files] == [
        ("beer.stackexchange.com.7z", 4),
        ("stackoverflow.com-Posts.7z", 5),
    ]
    assert all(file.identity.startswith("etag:") for file in listing.files)
    with pytest.raises(InputError, match=r"has no wine\.stackexchange\.com\.7z"):
        listed(web, ("wine.stackexchange.com",), "/dumps")


def test_a_server_that_fails_is_named_with_the_source(web: Web) -> None:
    put_item(web, {"beer.stackexchange.com.7z": b""})
    web.faults["/metadata/stackexchange"] = Fault(status=503)
    with pytest.raises(FetchError, match=r"source forum: .*503"):
        listed(web, ("beer.stackexchange.com",))


@pytest.mark.parametrize("site", ["../etc", "a/b.com", "beer", "", "x.com?y", "a..com"])
def test_a_site_is_a_host_name(site: str) -> None:
    with pytest.raises(ValueError, match="sites"):
        StackExchangeSource(kind="stackexchange", name="forum", sites=(site,))


def test_a_build_of_sites(web: Web, tmp_path: Path) -> None:
    files = {
        "beer.stackexchange.com.7z": site_archive(5),
        "stackoverflow.com-Posts.7z": seven_zip({"Posts.xml": posts(2)}),
    }
    put_item(web, files)
    source = {"kind": "stackexchange", "mirror": web.address(ITEM)}
    sites = ["beer.stackexchange.com", "stackoverflow.com"]
    manifest, _ = build_source(tmp_path, {**source, "sites": sites}, "forum")
    found = counts(manifest)
    assert (found.num_read, found.num_quarantined, found.revision) == (7, 0, "2024-04-02")
    urls = {url for (url,) in rows(tmp_path, "url")}
    assert "https://beer.stackexchange.com/q/5" in urls


def test_an_archive_that_is_not_what_archive_org_lists(web: Web, tmp_path: Path) -> None:
    put_item(web, {"beer.stackexchange.com.7z": site_archive(5)})
    web.files[f"{ITEM}/beer.stackexchange.com.7z"] = site_archive(6)[: len(site_archive(5))]
    source = {"kind": "stackexchange", "mirror": web.address(ITEM)}
    with pytest.raises((FetchError, IntegrityError), match="source elsewhere"):
        build_source(tmp_path, {**source, "sites": ["beer.stackexchange.com"]}, "forum")


def test_a_build_of_a_real_site(corpora: Path, web: Web, tmp_path: Path) -> None:
    path = corpora / "qa" / "beer.stackexchange.com.Posts.xml.gz"
    content = seven_zip({"Posts.xml": gzip.decompress(path.read_bytes())})
    put_item(web, {"beer.stackexchange.com.7z": content})
    source = {"kind": "stackexchange", "mirror": web.address(ITEM)}
    source = {**source, "sites": ["beer.stackexchange.com"]}
    manifest, _ = build_source(tmp_path, source, "forum")
    assert (counts(manifest).num_read, counts(manifest).num_quarantined) == (782, 119)
