"""JSON lines and JSON arrays: what becomes a record, what is refused, and where."""

import gzip
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.normalize.formats.json_array import _Scanner
from pipeline.normalize.record import Record, Refusal
from schemas.source import Fields
from tests.support.reading import Read, read_file

GOOD = b'{"text": "good"}\n'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": ', "malformed_json"),
        (b'{"text": "a" "b"}', "malformed_json"),
        (b"[" * 100_000, "malformed_json"),
        (b'{"text": ' + b"[" * 100_000, "malformed_json"),
        (b'{"text": "a", "n": ' + b"9" * 5000 + b"}", "malformed_json"),
        (b'["text"]', "not_an_object"),
        (b"null", "not_an_object"),
        (b'{"body": "a"}', "missing_text"),
        (b'{"text": null}', "missing_text"),
        (b'{"text": 7}', "text_not_string"),
        (b'{"text": "caf\xe9"}', "bad_utf8"),
        (b'{"text": "\\ud800"}', "bad_unicode"),
        (b'{"text": "a\\u0000b"}', "nul_byte"),
        (b'{"text": " \\n\\u200b"}', "empty_text"),
        (b'{"text": "' + b"long " * 300_000 + b'"}', "too_large"),
        (b'{"text": "' + b"long " * 500_000 + b'"}', "too_large"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(read: Read, line: bytes, reason: str) -> None:
    first, refusal, last = read("x.jsonl", GOOD + line + b"\n" + GOOD, max_bytes=1_000_000)
    assert first.text == last.text == "good"
    assert (refusal.reason, refusal.offset, refusal.offset_unit) == (reason, 2, "line")
    assert refusal.error
    assert len(refusal.excerpt) <= 200


def test_fields_reach_into_records(read: Read) -> None:
    row = {
        "body": "text",
        "a.b": "literal",
        "meta": {"title": "Title", "lang": ["en"], "n": float("nan")},
        "id": 7,
        "urls": ["u1", "u2"],
        "date": "2020-01-02",
        "license": "",
    }
    fields = Fields(
        text="body",
        id="id",
        url="urls",
        created="date",
        license="license",
        title="meta.title",
        metadata=("meta", "a.b", "absent"),
    )
    (record,) = read("x.jsonl", json.dumps(row), fields)
    assert record.text == "Title\n\ntext"
    assert (record.source_id, record.url, record.created) == ("7", "u1, u2", "2020-01-02")
    assert record.license is None
    expected = {"title": "Title", "lang": ["en"], "n": None}
    assert record.metadata == {"meta": expected, "a.b": "literal"}


def test_blank_lines_and_a_byte_order_mark_are_no_records(read: Read) -> None:
    assert len(read("x.jsonl", b"\xef\xbb\xbf" + GOOD + b"\n \r\n" + GOOD)) == 2


def test_a_cut_archive_keeps_the_lines_before_the_cut(read: Read) -> None:
    lines = [json.dumps({"text": f"number {i} {hash(str(i))}"}) for i in range(5000)]
    whole = gzip.compress("\n".join(lines).encode())
    *records, refusal = read("x.jsonl.gz", whole[: len(whole) // 2])
    assert (refusal.reason, refusal.offset_unit) == ("truncated_archive", "byte")
    assert len(records) > 1000
    assert [r.text for r in records] == [json.loads(line)["text"] for line in lines[: len(records)]]


def test_a_huge_line_is_never_held(read: Read) -> None:
    content = gzip.compress(b'{"text": "' + b"x" * 80_000_000 + b'"}\n' + GOOD)
    tracemalloc.start()
    refusal, record = read("x.jsonl.gz", content, max_bytes=1_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (refusal.reason, record.text) == ("too_large", "good")
    assert peak < 60_000_000


@pytest.mark.parametrize("content", [b"", b"\n\n", b" "])
def test_a_file_without_lines_is_empty(read: Read, content: bytes) -> None:
    (refusal,) = read("x.jsonl", content)
    assert refusal.reason == "empty_file"


def test_an_array_of_objects(read: Read) -> None:
    results = read("x.json", ' [ {"text": "a"}, 3,\n {"text": "b"}\n, {"no": 1} ]\n')
    assert [r.text if isinstance(r, Record) else r.reason for r in results] == [
        "a",
        "not_an_object",
        "b",
        "missing_text",
    ]
    assert [r.offset for r in results] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'[{"text": "a"}', "malformed_json"),
        (b'[{"text": "a"}, {"text": ', "malformed_json"),
        (b'[{"text": "a"}, ]', "malformed_json"),
        (b'[{"text": "a"} {"text": "b"}]', "malformed_json"),
        (b'[{"text": "a"}] [{"text": "b"}]', "malformed_json"),
        (b'[{"text": "a"}, {"text": "\xff"}]', "bad_utf8"),
        (b'[{"text": "a"}, ' + b"[" * 100_000, "malformed_json"),
        (b'[{"text": "a"}, "' + b"x" * 3_000_000, "too_large"),
    ],
)
def test_a_broken_array_keeps_what_came_before(read: Read, content: bytes, reason: str) -> None:
    results = read("x.json", content, max_bytes=300_000)
    assert results[-1].reason == reason
    if reason != "bad_utf8":  # one chunk: its text is decoded at once
        assert results[0].text == "a"


def test_an_empty_array_holds_nothing(read: Read) -> None:
    assert [r.reason for r in read("x.json", "[ ]")] == ["empty_file"]


def test_a_json_file_may_hold_lines_or_neither(read: Read) -> None:
    assert [r.text for r in read("x.json", GOOD + GOOD)] == ["good", "good"]
    assert [r.reason for r in read("x.json", b'{\n  "text": "good"\n}\n')] == ["unknown_format"]


@settings(max_examples=100)
@given(
    st.lists(st.one_of(st.integers(), st.text(), st.dictionaries(st.text(), st.integers()))),
    st.integers(1, 7),
    st.sampled_from([None, 1]),
)
def test_the_scanner_gives_what_parsing_the_whole_gives(
    values: list[object], size: int, indent: int | None
) -> None:
    text = json.dumps(values, indent=indent)
    pieces = (text[i : i + size] for i in range(0, len(text), size))
    assert list(_Scanner(pieces, max_characters=10_000).elements()) == values


@pytest.mark.parametrize("depth", [300, 490, 600, 900, 985, 2000])
def test_no_depth_of_nesting_ends_the_run(read: Read, depth: int) -> None:
    deep = '{"k": ' + "[" * depth + "]" * depth + ', "text": "a"}'
    for content in (deep, deep.replace("text", "body"), "[" * depth + "]" * depth):
        fields = Fields(metadata=("k",))
        assert len(read("x.jsonl", content + "\n" + content, fields)) == 2
        assert read("x.json", f'[{{"text": "a"}}, {content}]', fields)[0].text == "a"


def test_real_lines_that_are_not_json(corpora: Path) -> None:
    path = corpora / "instruction" / "alpaca_libre_v2.malformed_lines.jsonl.gz"
    results = read_file(path, Fields(text="instruction"))
    refused = [r for r in results if isinstance(r, Refusal)]
    assert len(results) == 2294
    assert [r.reason for r in refused] == ["malformed_json"] * 14
    with gzip.open(path, "rt") as stream:
        lines = stream.read().splitlines()
    for refusal in refused:
        with pytest.raises(json.JSONDecodeError):
            json.loads(lines[refusal.offset - 1])
