"""Dumps of Wikimedia: which is taken, which files of it, and what is said where there is none."""

import bz2
import json
from collections.abc import Iterator
from hashlib import md5, sha1
from pathlib import Path
from typing import Any

import pytest

from pipeline.acquire.dumps.wikipedia import list_files
from pipeline.acquire.remote import Listing
from pipeline.errors import InputError, IntegrityError
from schemas.source import WikipediaSource
from tests.support.one_source import build_source, counts, rows
from tests.support.web import Web, serve, world_of

PARTS = ("simplewiki-{}-pages-articles1.xml-p1p2.bz2", "simplewiki-{}-pages-articles2.xml-p3p4.bz2")
WHOLE = "simplewiki-{}-pages-articles.xml.bz2"
INDEX = '<html><body><pre><a href="../">../</a>\n{}<a href="latest/">latest/</a>\n</pre></html>'


def page(number: int) -> str:
    text = f"'''Town {number}''' is a [[town]] by a river. It has {number} bridges and a market."
    return (
        f"<page><title>Town {number}</title><ns>0</ns><id>{number}</id><revision><id>9</id>"
        f"<timestamp>2026-08-01T10:00:00Z</timestamp><model>wikitext</model>"
        f"<text>{text}</text></revision></page>"
    )


def dump(*numbers: int) -> bytes:
    head = "<siteinfo><base>https://simple.wikipedia.org/wiki/Main_Page</base></siteinfo>"
    pages = "".join(map(page, numbers))
    return bz2.compress(f"<mediawiki>{head}{pages}</mediawiki>".encode())


class Mirror:
    """A mirror as dumps.wikimedia.org is: an index of dates, and a status for each."""

    def __init__(self, web: Web, prefix: str = "") -> None:
        self.web = web
        self.prefix = prefix
        self.address = web.address(prefix)
        self.dates: list[str] = []

    def add(
        self, date: str, files: dict[str, bytes], status: str = "done", job: str = "articlesdump"
    ) -> None:
        """Put a dump of simplewiki there; file names have {} where the date belongs."""
        named = {name.format(date): content for name, content in files.items()}
        listed = {
            name: {
                "size": len(content),
                "url": f"/simplewiki/{date}/{name}",
                "md5": md5(content).hexdigest(),
                "sha1": sha1(content).hexdigest(),
            }
            for name, content in named.items()
        }
        jobs = {
            "sitestatstable": {"status": "done", "files": {}},
            job: {"status": status, "updated": "2026-08-02 01:26:57", "files": listed},
            "articlesdumprecombine": {"status": "done", "files": {WHOLE.format(date): {"size": 1}}},
        }
        self.put_status(date, {"version": "0.8", "jobs": jobs})
        for name, content in named.items():
            self.web.files[f"{self.prefix}/simplewiki/{date}/{name}"] = content

    def put_status(self, date: str, status: Any) -> None:
        self.dates.append(date)
        links = "".join(f'<a href="{d}/">{d}/</a>   01-Aug-2026 10:00   -\n' for d in self.dates)
        folder = f"{self.prefix}/simplewiki/"
        self.web.files[folder] = INDEX.format(links).encode()
        self.web.files[f"{folder}{date}/dumpstatus.json"] = json.dumps(status).encode()


@pytest.fixture
def web() -> Iterator[Web]:
    with serve() as web:
        yield web


@pytest.fixture
def mirror(web: Web) -> Mirror:
    return Mirror(web)


def listed(mirror: Mirror, **given: Any) -> Listing:
    given = {"wiki": "simplewiki", "mirror": mirror.address, **given}
    source = WikipediaSource(kind="wikipedia", name="wiki", **given)
    with world_of() as world:
        return list_files(source, Path(), world)


def refused(mirror: Mirror, **given: Any) -> str:
    with pytest.raises(InputError) as error:
        listed(mirror, **given)
    return str(error.value)


def test_the_newest_dump_that_is_done_is_taken(mirror: Mirror) -> None:
    mirror.add("20260701", {WHOLE: dump(1)})
    mirror.add("20260801", {WHOLE: dump(1, 2)})
    mirror.add("20260901", {WHOLE: b""}, status="in-progress")
    mirror.put_status("20261001", {"version": "0.8", "jobs": {}})
    listing = listed(mirror)
    (file,) = listing.files
    assert (listing.revision, file.name) == ("20260801", "simplewiki-pages-articles.xml.bz2")
    assert file.address == f"{mirror.address}/simplewiki/20260801/{WHOLE.format('20260801')}"
    assert file.checksum == f"sha1:{sha1(dump(1, 2)).hexdigest()}" == file.identity
    assert file.num_bytes == len(dump(1, 2))


def test_a_date_whose_status_is_missing_or_no_json_is_passed_over(mirror: Mirror) -> None:
    mirror.add("20260701", {WHOLE: dump(1)})
    mirror.add("20260801", {WHOLE: dump(1)})
    mirror.add("20260901", {WHOLE: dump(1)})
    del mirror.web.files["/simplewiki/20260901/dumpstatus.json"]
    mirror.web.files["/simplewiki/20260801/dumpstatus.json"] = b"<html>moved</html>"
    assert listed(mirror).revision == "20260701"


def test_parts_are_taken_and_not_the_whole_beside_them(mirror: Mirror) -> None:
    other = {"simplewiki-{}-pages-articles-multistream-index1.txt-p1p2.bz2": b"an index"}
    mirror.add("20260801", {**dict.fromkeys(PARTS, dump(1)), WHOLE: dump(1), **other})
    names = [file.name for file in listed(mirror).files]
    assert names == [name.replace("-{}-", "-") for name in PARTS]
    assert len(listed(mirror, max_files=1).files) == 1


def test_the_same_articles_as_multistream_where_the_plain_ones_are_not_done(mirror: Mirror) -> None:
    name = "simplewiki-{}-pages-articles-multistream.xml.bz2"
    index = "simplewiki-{}-pages-articles-multistream-index.txt.bz2"
    mirror.add("20260801", {name: dump(1), index: b"x"}, job="articlesmultistreamdump")
    (file,) = listed(mirror).files
    assert file.name == name.replace("-{}-", "-")


def test_a_mirror_in_a_folder_without_digests(web: Web) -> None:
    mirror = Mirror(web, "/pub/mirror/dumps")
    mirror.add("20260801", {WHOLE: dump(1)})
    status = json.loads(web.files["/pub/mirror/dumps/simplewiki/20260801/dumpstatus.json"])
    for facts in status["jobs"]["articlesdump"]["files"].values():
        del facts["sha1"], facts["md5"]
    mirror.put_status("20260801", status)
    (file,) = listed(mirror).files
    assert file.address.startswith(f"{mirror.address}/simplewiki/20260801/")
    assert (file.checksum, file.identity) == (None, f"dump:20260801 {len(dump(1))}")


def test_names_that_lead_elsewhere_are_not_taken(mirror: Mirror) -> None:
    bad = "../../secret-pages-articles1.xml-p1p2.bz2"
    mirror.add("20260801", {WHOLE: dump(1), bad: b"x"})
    assert [file.name for file in listed(mirror).files] == ["simplewiki-pages-articles.xml.bz2"]


def test_a_wiki_that_is_not_there(mirror: Mirror) -> None:
    message = refused(mirror, wiki="xxwiki")
    assert message.startswith("source wiki: wiki: ")
    assert "'xxwiki'" in message
    assert "backup-index.html" in message


def test_a_date_that_is_gone_names_those_that_are_there(mirror: Mirror) -> None:
    mirror.add("20260701", {WHOLE: dump(1)})
    mirror.add("20260801", {WHOLE: dump(1)})
    message = refused(mirror, date="20200101")
    assert "no dump of 20200101" in message
    assert "20260701, 20260801" in message
    assert "'xxwiki'" in refused(mirror, wiki="xxwiki", date="20200101")


def test_a_dump_that_is_not_complete(mirror: Mirror) -> None:
    mirror.add("20260901", {WHOLE: b""}, status="waiting")
    assert "is not complete" in refused(mirror, date="20260901")
    assert "none of the dumps of simplewiki" in refused(mirror)


def test_a_build_of_a_wiki_and_of_its_next_dump(mirror: Mirror, tmp_path: Path) -> None:
    mirror.add("20260701", dict(zip(PARTS, (dump(1, 2), dump(3, 4)), strict=True)))
    source = {"kind": "wikipedia", "wiki": "simplewiki", "mirror": mirror.address}
    manifest, stages = build_source(tmp_path, source, "encyclopedic")
    first = rows(tmp_path, "text, id, url, license")
    assert (counts(manifest).revision, counts(manifest).num_read) == ("20260701", 4)
    assert counts(manifest).origin.endswith("/simplewiki/20260701/")
    assert stages["fetch"].num_reused == 0
    assert len(first) == 4
    assert {row[2].rpartition("_")[0] for row in first} == {
        "https://simple.wikipedia.org/wiki/Town"
    }
    mirror.add("20260801", dict(zip(PARTS, (dump(1, 2), dump(3, 4, 5)), strict=True)))
    manifest, stages = build_source(tmp_path, source, "encyclopedic")
    assert (counts(manifest).revision, counts(manifest).num_read) == ("20260801", 5)
    again = rows(tmp_path, "text, id, url, license")
    ids = {row[1] for row in first}
    assert ids < {row[1] for row in again}  # pages that stay keep their ids


def test_a_dump_of_a_date_needs_no_network_again(mirror: Mirror, tmp_path: Path) -> None:
    mirror.add("20260701", {WHOLE: dump(1, 2, 3)})
    source = {"kind": "wikipedia", "wiki": "simplewiki", "mirror": mirror.address}
    source["date"] = "20260701"
    build_source(tmp_path, source, "encyclopedic")
    mirror.web.files.clear()
    mirror.web.requests.clear()
    _, stages = build_source(tmp_path, source, "encyclopedic", seed=5)
    assert stages["fetch"].num_reused == 1
    assert mirror.web.requests == []


def test_a_file_that_is_not_what_the_status_says(mirror: Mirror, tmp_path: Path) -> None:
    mirror.add("20260701", {WHOLE: dump(1, 2)})
    path = f"/simplewiki/20260701/{WHOLE.format('20260701')}"
    mirror.web.files[path] = mirror.web.files[path][:-1] + b"?"
    source = {"kind": "wikipedia", "wiki": "simplewiki", "mirror": mirror.address}
    with pytest.raises(IntegrityError, match="sha1:"):
        build_source(tmp_path, source, "encyclopedic")


def test_a_build_of_a_real_dump(corpora: Path, mirror: Mirror, tmp_path: Path) -> None:
    name = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
    content = (corpora / "encyclopedic" / "mediawiki" / name).read_bytes()
    mirror.add("20260701", {PARTS[0]: content})
    source = {"kind": "wikipedia", "wiki": "simplewiki", "mirror": mirror.address}
    manifest, _ = build_source(tmp_path, source, "encyclopedic")
    found = counts(manifest)
    assert found.num_read == 206
    assert found.num_kept + found.num_held_out + found.num_not_sampled > 80
    assert set(found.licenses) == {"CC-BY-SA-4.0"}
