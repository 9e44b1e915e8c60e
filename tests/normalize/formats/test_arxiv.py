"""Papers of arXiv: one record each, out of tars of compressed sources."""

import io
import tarfile
from pathlib import Path

import pytest
import zstandard

from pipeline.normalize.record import Record, Refusal
from tests.support.archives import gzipped, tar, tar_of_links
from tests.support.one_source import build_source, counts, rows
from tests.support.reading import Read, read_file
from tests.support.s3 import BUCKET, S3

NO_DEDUP = {"enabled": False, "lines": {"enabled": False}}
NAME = "arXiv_src_2401_001.tar"
TEX = "\\documentclass{article}\\begin{document}\\section{One}%s\\end{document}"


def paper(text: str = "A paper.", encoding: str = "utf-8") -> bytes:
    """Return a paper of one file."""
    return gzipped((TEX % text).encode(encoding))


def project(files: dict[str, bytes | str]) -> bytes:
    """Return a paper of several files."""
    encoded = {n: c.encode() if isinstance(c, str) else c for n, c in files.items()}
    return gzipped(tar(encoded))


def one(read: Read, member: bytes, name: str = "2401/2401.00001.gz") -> Record | Refusal:
    (result,) = read(NAME, tar({name: member}))
    return result


def reason(result: Record | Refusal) -> str:
    return result.reason if isinstance(result, Refusal) else "document"


def test_a_month_of_papers(read: Read) -> None:
    files = {
        "2401/2401.00001.gz": paper("One file."),
        "2401/2401.00002.pdf": b"%PDF-1.5",
        "2401/2401.00003.gz": project(
            {"main.tex": TEX % "\\input{part}", "part.tex": "Two files.", "fig.eps": b"%!PS\0"}
        ),
    }
    first, pdf, third = read(NAME, tar(files))
    assert isinstance(first, Record)
    assert isinstance(third, Record)
    assert isinstance(pdf, Refusal)
    assert first.text == "\\section{One}One file."
    assert third.text.split() == ["\\section{One}", "Two", "files."]
    assert (first.source_id, first.created) == ("2401.00001", "2024-01")
    assert first.url == "https://arxiv.org/abs/2401.00001"
    assert (third.file, third.metadata) == ("2401/2401.00003.gz", {"main_file": "main.tex"})
    assert (pdf.reason, pdf.file) == ("not_text", "2401/2401.00002.pdf")


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_compressed_tars(read: Read, suffix: str) -> None:
    content = tar({"2401/2401.00001.gz": paper()})
    packed = {"": content, ".gz": gzipped(content), ".zst": zstandard.compress(content)}
    (result,) = read(NAME + suffix, packed[suffix])
    assert reason(result) == "document"


@pytest.mark.parametrize(
    ("stem", "paper_id", "created"),
    [
        ("2401/2401.00001", "2401.00001", "2024-01"),
        ("0704/0704.0001", "0704.0001", "2007-04"),
        ("0704/0704.0001.tar", "0704.0001", "2007-04"),
        ("9912/astro-ph9912001", "astro-ph/9912001", "1999-12"),
        ("9108/hep-th9108028", "hep-th/9108028", "1991-08"),
        ("0309/math0309136", "math/0309136", "2003-09"),
        ("2413/2413.00001", "2413.00001", None),
        ("mine/paper", "paper", None),
    ],
)
def test_identifiers(read: Read, stem: str, paper_id: str, created: str | None) -> None:
    result = one(read, paper(), f"{stem}.gz")
    assert isinstance(result, Record)
    assert (result.source_id, result.created) == (paper_id, created)
    assert result.url == (f"https://arxiv.org/abs/{paper_id}" if created else None)


@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-2.0\n" + b"(\\050) show" * 99,
        b"%PDF-1.4 \\ab",
        b"<html><body>\\alpha</body></html>",
        b"words without any command",
        gzipped(b"\\section{x}" * 99),
        b"\\section\0{x}",
        b"",
    ],
)
def test_what_is_no_tex_is_no_loss(read: Read, content: bytes) -> None:
    assert reason(one(read, gzipped(content))) == "not_text"
    assert reason(one(read, project({"paper.tex": content}))) == "not_text"
    assert reason(one(read, project({"paper.ps": b"%!PS"}))) == "not_text"


def test_a_paper_that_was_withdrawn(read: Read) -> None:
    content = gzipped(b"%auto-ignore\nThis paper was withdrawn \\end")
    assert reason(one(read, content)) == "withdrawn"


@pytest.mark.parametrize(
    ("preamble", "encoding"),
    [
        ("", "utf-8"),
        ("", "utf-8-sig"),
        ("\\usepackage[latin1]{inputenc}", "latin-1"),
        ("\\usepackage[ansinew]{inputenc}", "cp1252"),
        ("\\usepackage[applemac]{inputenc}", "mac-roman"),
        ("\\usepackage[utf8]{inputenc}", "utf-8"),
        ("\\usepackage[latin1]{inputenc}", "utf-8"),
    ],
)
def test_encodings(read: Read, preamble: str, encoding: str) -> None:
    text = "Poincaré, Gödel and Erdős" if encoding.startswith("utf") else "Poincaré and Gödel"
    main = (preamble + TEX % "\\input{a}").encode(encoding)
    for content in (
        gzipped((preamble + TEX % text).encode(encoding)),
        project({"main.tex": main, "a.tex": text.encode(encoding)}),
    ):
        result = one(read, content)
        assert isinstance(result, Record)
        assert text in result.text


def test_russian_that_declares_its_encoding(read: Read) -> None:
    text = "Теорема о неподвижной точке"
    content = ("\\usepackage[cp1251]{inputenc}" + TEX % text).encode("cp1251")
    result = one(read, gzipped(content))
    assert isinstance(result, Record)
    assert text in result.text


def test_traps_among_the_members(read: Read) -> None:
    links = tar_of_links(
        {
            "2401": (tarfile.DIRTYPE, ""),
            "2401/2401.00001.gz": (tarfile.SYMTYPE, "/etc/passwd"),
            "2401/2401.00002.gz": (tarfile.LNKTYPE, "../../secret.gz"),
            "2401/2401.00003.gz": (tarfile.CHRTYPE, ""),
        }
    )
    files = tar(
        {
            "/tmp/2401.00004.gz": paper(),
            "2401/../../2401.00005.gz": paper(),
            "2401/2401.00006.gz": paper(),
        }
    )
    results = read(NAME, links + files)  # one tar behind the other
    assert [reason(result) for result in results] == ["unsafe_member"] * 5 + ["document"]


def test_traps_within_a_paper(read: Read, tmp_path: Path) -> None:
    secret = tmp_path / "secret.tex"
    secret.write_text("a secret")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, target in (("linked.tex", str(secret)), ("hard.tex", "../secret.tex")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
        outside = tarfile.TarInfo("../outside.tex")
        outside.size = 7
        archive.addfile(outside, io.BytesIO(b"outside"))
        inputs = "\\input{linked} \\input{hard} \\input{../outside} \\input{../secret} "
        content = (TEX % (inputs + f"\\input{{{secret}}} the end")).encode()
        main = tarfile.TarInfo("main.tex")
        main.size = len(content)
        archive.addfile(main, io.BytesIO(content))
    result = one(read, gzipped(buffer.getvalue()))
    assert isinstance(result, Record)
    assert "a secret" not in result.text
    assert "outside.tex" not in result.text
    assert result.text.count("\\input") == 5


def test_a_damaged_paper_costs_no_other(read: Read) -> None:
    cut, spoiled = paper()[:-20], bytearray(project({"main.tex": TEX % "x" * 99}))
    spoiled[len(spoiled) // 2] ^= 0xFF
    inner = gzipped(tar({"main.tex": b"\\section" * 200})[:1000])
    files = {
        "2401/2401.00001.gz": cut,
        "2401/2401.00002.gz": bytes(spoiled),
        "2401/2401.00003.gz": inner,
        "2401/2401.00004.gz": b"no gzip",
        "2401/2401.00005.gz": paper(),
    }
    results = read(NAME, tar(files))
    assert [reason(result) for result in results] == [
        "truncated_archive",
        "corrupt_archive",
        "truncated_archive",
        "corrupt_archive",
        "document",
    ]


def test_a_damaged_tar_ends_the_unit(read: Read) -> None:
    content = tar({f"2401/2401.0000{n}.gz": paper("x" * 9) for n in range(5)})
    results = read(NAME, content[:2600])
    assert [reason(r) for r in results] == ["document", "document", "truncated_archive"]
    results = read(NAME + ".gz", gzipped(content)[:-30])
    assert reason(results[-1]) == "truncated_archive"
    assert reason(read(NAME, b"no tar at all" * 99)[0]) == "corrupt_archive"


def test_a_paper_beyond_the_limit(read: Read) -> None:
    files = {
        "2401/2401.00001.gz": paper("long " * 500),
        "2401/2401.00002.gz": project({f"{n}.tex": "\\section{x}" + "a" * 900 for n in range(9)}),
        "2401/2401.00003.gz": project({"m.tex": "\\input{a}" * 40, "a.tex": "\\ab" * 20}),
        "2401/2401.00004.gz": paper(),
    }
    results = read(NAME, tar(files), max_bytes=2000)
    assert [reason(r) for r in results] == ["too_large"] * 3 + ["document"]


def test_a_build_of_local_tars(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    for month in ("2401", "2402"):
        files = {f"{month}/{month}.0000{n}.gz": paper(f"Paper {n} of {month}.") for n in range(3)}
        content = tar({**files, f"{month}/{month}.00009.pdf": b"%PDF"})
        (tmp_path / "src" / f"arXiv_src_{month}_001.tar").write_bytes(content)
    source = {"kind": "arxiv", "paths": ["src/*.tar"]}
    manifest, _ = build_source(tmp_path, source, "papers", dedup=NO_DEDUP)
    found = counts(manifest)
    assert (found.num_inputs, found.num_read, found.num_quarantined) == (2, 8, 2)
    expected = {(f"https://arxiv.org/abs/{m}.0000{n}",) for m in ("2401", "2402") for n in range(3)}
    assert set(rows(tmp_path, "url")) == expected
    assert {license for (license,) in rows(tmp_path, "license")} == {
        "LicenseRef-arXiv-nonexclusive-distrib-1.0"
    }


def test_a_build_of_a_bucket_is_that_of_the_disk(s3: S3, tmp_path: Path) -> None:
    files = {f"2401/2401.0000{n}.gz": paper(f"Paper {n}.") for n in range(3)}
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / NAME).write_bytes(tar(files))
    build_source(tmp_path, {"kind": "arxiv", "paths": ["src/*.tar"]}, "papers", dedup=NO_DEDUP)
    local = rows(tmp_path, "text, id, url, license")
    s3.put(tmp_path / "src", "src")
    source = {"kind": "arxiv", "paths": [f"s3://{BUCKET}/src/*.tar"]}
    manifest, _ = build_source(tmp_path, source, "papers", dedup=NO_DEDUP)
    assert counts(manifest).origin == f"s3://{BUCKET}/src/*.tar"
    assert rows(tmp_path, "text, id, url, license") == local
    assert len(local) == 3


def test_real_tex_as_papers(corpora: Path, tmp_path: Path) -> None:
    """Each section of real textbooks comes out of a tar as it does by itself."""
    import duckdb

    from pipeline.normalize.formats.tex import clean_tex

    path = corpora / "science" / "tex_textbooks.jsonl.zst"
    texts = [t for (t,) in duckdb.sql(f"SELECT text FROM '{path}' LIMIT 200").fetchall()]
    texts = [text for text in texts if "\\input" not in text and "\\include" not in text]
    papers = {f"2401/2401.{n:05}.gz": gzipped(t.encode()) for n, t in enumerate(texts)}
    tar_path = tmp_path / NAME
    tar_path.write_bytes(tar(papers))
    results = [r for r in read_file(tar_path) if isinstance(r, Record)]
    assert len(results) > 100
    by_id = {f"2401.{n:05}": text for n, text in enumerate(texts)}
    for result in results:
        expected = clean_tex(by_id[result.source_id or ""])
        assert result.text.split() == expected.split()
