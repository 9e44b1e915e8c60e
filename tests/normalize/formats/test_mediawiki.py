"""MediaWiki dumps, and what becomes of wikitext."""

import bz2
from pathlib import Path

import pytest

from pipeline.normalize.record import LOSSLESS_REASONS, Record, Refusal
from pipeline.normalize.wikitext import plain_text
from tests.support.reading import Read, read_file

DUMPS = Path("encyclopedic") / "mediawiki"


def page(text: str, title: str = "A title", ns: int = 0, extra: str = "", number: int = 1) -> str:
    return (
        f"<page><title>{title}</title><ns>{ns}</ns><id>{number}</id>{extra}<revision><id>99</id>"
        f"<timestamp>2020-01-02T03:04:05Z</timestamp><contributor><id>5</id></contributor>"
        f"<model>wikitext</model><text>{text}</text></revision></page>"
    )


def dump(*pages: str) -> str:
    return (
        '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/"><siteinfo>'
        "<base>https://xx.wikipedia.org/wiki/Main_Page</base><namespaces>"
        '<namespace key="6">Bild</namespace></namespaces></siteinfo>'
        f"{''.join(pages)}</mediawiki>"
    )


def test_a_page_with_its_facts(read: Read) -> None:
    text = "'''Bold''' [[Bild:x.jpg|thumb|caption]]and [[link|linked]] &lt;ref&gt;no&lt;/ref&gt;"
    (record,) = read("x.xml", dump(page(text, "Über: A (b)")))
    assert record.text == "Über: A (b)\n\nBold and linked"
    assert record.url == "https://xx.wikipedia.org/wiki/%C3%9Cber:_A_(b)"
    assert (record.source_id, record.created) == ("1", "2020-01-02T03:04:05Z")


def test_what_is_no_article_is_refused_without_loss(read: Read) -> None:
    results = read(
        "x.xml",
        dump(
            page("#REDIRECT [[B]]", extra='<redirect title="B"/>'),
            page("# redirect [[B]]"),
            page("talk", ns=1),
            page("{}").replace("wikitext", "json"),
        ),
    )
    reasons = [r.reason for r in results]
    assert reasons == ["redirect", "redirect", "not_an_article", "not_an_article"]
    assert set(reasons) <= LOSSLESS_REASONS


def test_of_several_revisions_the_last_counts(read: Read) -> None:
    revisions = page("old").replace("</page>", "<revision><text>new</text></revision></page>")
    assert [r.text for r in read("x.xml", dump(revisions))] == ["A title\n\nnew"]


def test_a_break_keeps_the_pages_before_it(read: Read) -> None:
    content = dump(page("one"), page("two")) + "<more>"
    for broken in (content, content.replace("two", "t<wo"), dump(page("one"))[:-12] + "<page>"):
        first, *_, refusal = read("x.xml", broken)
        assert first.text.endswith("one")
        assert refusal.reason == "malformed_xml"


def test_another_root_is_no_dump(read: Read) -> None:
    (refusal,) = read("pages-articles.xml", "<feed><page/></feed>")
    assert refusal.reason == "malformed_xml"
    assert "<feed>" in refusal.error


def test_a_huge_page_is_refused_alone(read: Read) -> None:
    results = read("x.xml", dump(page("x " * 10_000), page("small")), max_bytes=1000)
    assert [r.text if isinstance(r, Record) else r.reason for r in results] == [
        "too_large",
        "A title\n\nsmall",
    ]


def test_entities_that_multiply_are_refused(read: Read) -> None:
    entities = '<!DOCTYPE m [<!ENTITY a "' + "x" * 1000 + '"><!ENTITY b "' + "&a;" * 1000 + '">]>'
    content = entities + dump(page("&b;" * 100)).replace("<page>", '<page a="&b;&b;&b;&b;&b;">')
    assert read("pages-articles.xml", content)[-1].reason == "malformed_xml"


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        ("a {{template|{{nested}}}} b", "a b"),
        ("a<!-- comment -->b<!-- never closed", "ab"),
        ('a<ref name="x"/> b<ref>{{cite}}</ref> c<ref>open', "a b c<ref>open"),
        ("{|\n| cell\n|}\ntext", "text"),
        ("{| <b\n! head\n|-\n| cell\ntext", "text"),
        ("[[File:a.jpg|thumb|A [[link]]]]text[[Category:Things]][[de:Ding]]", "text"),
        ("[[:Category:Things]] [[A b]]s", ":Category:Things A bs"),
        ("[http://x.org label] [http://x.org] http://bare.org", "label http://bare.org"),
        ("* one\n** two\n# three\n; term : meaning", "- one\n- two\n- three\nterm : meaning"),
        ("'''''both''''' ''it'' __NOTOC__", "both it"),
        ("a &amp; b&nbsp;c &eacute;", "a & b\u00a0c é"),
        ("<math>x^2</math> <code>f()</code> <nowiki>[[x]]</nowiki>", "$x^2$ f() [[x]]"),
        ("Born ({{lang|x}}; 1 May) there ({{ipa}})", "Born (1 May) there"),
        ("lead\n== Full ==\ntext\n== Empty ==\n{{x}}\n=== Sub ===\n", "lead\n\nFull\n\ntext"),
        ("== A ==\n=== B ===\ntext", "A\n\nB\n\ntext"),
        ("a\n\n\n\n{{x}}\n\n\nb", "a\n\nb"),
        ("* {{cite}}\n* item", "- item"),
        ("a {{x}} b{{x}}, c{{x}} d", "a b, c d"),
        ("<pre>main ()\n    a  =  ()</pre>", "main ()\n    a  =  ()"),
    ],
)
def test_wikitext(wikitext: str, expected: str) -> None:
    assert plain_text(wikitext) == expected


def test_a_utf16_dump(corpora: Path) -> None:
    results = read_file(corpora / DUMPS / "bgwiki-latest-pages-articles-shortened.xml.bz2")
    assert len(results) == 3
    records = [r for r in results if isinstance(r, Record)]
    assert [r.text.splitlines()[0] for r in records] == ["Григориански календар"]


def test_tables_and_truncation_in_a_real_dump(corpora: Path, tmp_path: Path) -> None:
    path = corpora / DUMPS / "enwiki-table-markup.xml.bz2"
    whole = read_file(path)
    assert len(whole) == 5
    assert all(isinstance(r, Record) and "{|" not in r.text and "[[" not in r.text for r in whole)
    cut = tmp_path / "pages-articles.xml.bz2"
    content = bz2.decompress(path.read_bytes())
    first, rest = content[:150_000], content[150_000:]
    cut.write_bytes(bz2.compress(first) + bz2.compress(rest)[:-10])
    *kept, refusal = read_file(cut)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "truncated_archive"
    assert kept == whole[: len(kept)]
    assert kept
