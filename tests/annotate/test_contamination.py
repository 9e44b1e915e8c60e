"""Evaluation items planted in documents are found, whoever edits their case and punctuation."""

import bz2
import json
import pickle
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotate.contamination import ContaminationAnnotator, make_contamination_annotator
from pipeline.annotate.evaluation_words import alphabet, as_bytes, list_words
from pipeline.errors import ConfigError, InputError
from pipeline.kernels.contamination import find_hit, hash_windows, make_index, split_words
from schemas.attributes import CONTAMINATION
from schemas.recipe import Decontamination
from tests.support.archives import gzipped

LONG = "The quick brown fox jumps over the lazy dog while seven wizards quietly drink their tea"
SHORT = "Which river of northern Sweden is the longest of all"  # ten words
TOO_SHORT = "Who wrote Hamlet?"
FILLER = "Some other words that stand around here for no reason at all, in many a document. "


def annotator(folder: Path, *patterns: str, ngram: int = 13) -> ContaminationAnnotator:
    return make_contamination_annotator(Decontamination(files=patterns, ngram=ngram), folder)


def annotate(made: ContaminationAnnotator, *texts: str) -> list[tuple[str | None, str | None]]:
    ids = [f"d{index}" for index in range(len(texts))]
    batch = pa.RecordBatch.from_pydict({"id": ids, "text": pa.array(texts, pa.string())})
    result = made.annotate(batch)
    assert result.schema.equals(CONTAMINATION)
    assert result.column("id").to_pylist() == ids
    return [(row["contaminated_by"], row["contamination_span"]) for row in result.to_pylist()]


def write_jsonl(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.fixture
def planted(tmp_path: Path) -> ContaminationAnnotator:
    write_jsonl(
        tmp_path / "quiz.jsonl",
        {"question": TOO_SHORT, "answer": "Shakespeare"},
        {"nested": {"choices": ["no", LONG]}},
        {"question": SHORT},
    )
    return annotator(tmp_path, "quiz.jsonl")


def test_an_item_is_named_with_the_words_as_the_document_has_them(
    planted: ContaminationAnnotator,
) -> None:
    edited = FILLER + LONG.upper().replace(" ", " -- ") + ". " + FILLER
    [(item, span)] = annotate(planted, edited)
    assert item == "quiz.jsonl#1"
    assert span is not None
    assert span in edited
    assert list_words(as_bytes(span)) == list_words(as_bytes(LONG))[:13]


def test_a_short_item_counts_as_a_whole(planted: ContaminationAnnotator) -> None:
    begun = " ".join(SHORT.split()[:9])
    found = annotate(planted, FILLER + SHORT + "?", begun + " but shorter", begun)
    assert found == [("quiz.jsonl#2", SHORT), (None, None), (None, None)]


def test_items_that_cannot_be_found_are_counted(planted: ContaminationAnnotator) -> None:
    [figures] = planted.figures()
    assert (figures.file, figures.num_items, figures.num_not_searchable) == ("quiz.jsonl", 3, 1)
    assert annotate(planted, f"{FILLER} {TOO_SHORT} {FILLER}") == [(None, None)]


def test_the_first_item_in_the_document_is_reported(planted: ContaminationAnnotator) -> None:
    assert annotate(planted, f"{SHORT}. {LONG}")[0][0] == "quiz.jsonl#2"
    assert annotate(planted, f"{LONG}. {SHORT}")[0][0] == "quiz.jsonl#1"


def test_runs_of_numbers_mark_nothing(tmp_path: Path) -> None:
    table = " ".join(str(number) for number in range(40))
    write_jsonl(tmp_path / "quiz.jsonl", {"question": f"Add these up: {table}"})
    made = annotator(tmp_path, "quiz.jsonl")
    assert annotate(made, table) == [(None, None)]
    assert made.figures()[0].num_not_searchable == 1


def test_a_formula_marks_nothing(tmp_path: Path) -> None:
    loop = "for i in range(2, int(n ** 0.5) + 1): if n % i == 0: return x"
    write_jsonl(tmp_path / "quiz.jsonl", {"code": loop})
    assert annotate(annotator(tmp_path, "quiz.jsonl"), loop) == [(None, None)]


def test_a_short_question_counts_beside_a_long_choice(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "quiz.jsonl", {"question": SHORT, "choices": ["The Torne", LONG]})
    assert annotate(annotator(tmp_path, "quiz.jsonl"), FILLER + SHORT)[0] == ("quiz.jsonl#0", SHORT)


def test_identifiers_are_no_text(tmp_path: Path) -> None:
    name = "a_task_of_more_than_seven_words_at_least/17"
    write_jsonl(tmp_path / "quiz.jsonl", {"id": name, "url": f"https://example.org/{name}"})
    assert annotate(annotator(tmp_path, "quiz.jsonl"), name) == [(None, None)]


def test_words_may_run_together_where_punctuation_went(tmp_path: Path) -> None:
    question = "Who's the well-known poet that didn't write Hamlet?"
    write_jsonl(tmp_path / "quiz.jsonl", {"question": question})
    made = annotator(tmp_path, "quiz.jsonl")
    for copy in ("whos the wellknown poet that didnt write hamlet", question.replace("'", " ")):
        assert annotate(made, FILLER + copy) == [("quiz.jsonl#0", copy.rstrip("?"))]


def test_blanks_and_invisible_characters_do_not_count(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "quiz.jsonl", {"question": f"{SHORT} _____ and why?"})
    made = annotator(tmp_path, "quiz.jsonl")
    invisible = "\u200d".join(f"{SHORT} and\ufe0f _why_")
    found = annotate(made, f"{SHORT}___ and why", invisible)
    assert [item for item, _ in found] == ["quiz.jsonl#0"] * 2


def test_no_files_no_findings() -> None:
    made = make_contamination_annotator(Decontamination(), Path())
    assert annotate(made, LONG, "") == [(None, None), (None, None)]
    assert made.figures() == ()


def test_empty_documents_and_empty_files(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    assert annotate(annotator(tmp_path, "empty.jsonl"), "", LONG) == [(None, None)] * 2


def test_ideographs_are_words_of_their_own(tmp_path: Path) -> None:
    sentence = "大众社会理论建议媒体将大众操纵为易受伤害的被动的消费者"
    write_jsonl(tmp_path / "quiz.jsonl", {"text": sentence})
    found = annotate(annotator(tmp_path, "*.jsonl"), f"前言：{sentence[:9]}，{sentence[9:]}。")
    assert found[0][0] == "quiz.jsonl#0"


RECORDS = [{"text": TOO_SHORT}, {"text": f"{LONG}."}]
LINES = "".join(json.dumps(record) + "\n" for record in RECORDS).encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("quiz.jsonl", LINES),
        ("quiz.jsonl.gz", gzipped(LINES)),
        ("quiz.jsonl.zst", zstandard.compress(LINES)),
        ("quiz.jsonl.bz2", bz2.compress(LINES)),
        ("quiz.json", json.dumps(RECORDS, indent=1).encode()),
        ("quiz.txt", f"{TOO_SHORT}\n \n{LONG}.\n".encode()),
        ("quiz.txt.gz", gzipped(f"{TOO_SHORT}\r\n\r\n{LONG}.\r\n".encode())),
    ],
)
def test_every_kind_of_file(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert annotate(annotator(tmp_path, "quiz.*"), LONG.lower())[0][0] == f"{name}#1"


def test_parquet(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(RECORDS), tmp_path / "quiz.parquet")
    assert annotate(annotator(tmp_path, "*.parquet"), LONG)[0][0] == "quiz.parquet#1"


def test_patterns_and_files_that_are_wrong(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"decontamination\.files: 'absent/\*' matches no file"):
        annotator(tmp_path, "absent/*")
    (tmp_path / "quiz.jsonl").write_text('{"text": "fine"}\n{"text": \n')
    with pytest.raises(InputError, match=r"quiz\.jsonl:2: not valid JSON"):
        annotate(annotator(tmp_path, "quiz.jsonl"), LONG)
    (tmp_path / "quiz.jsonl.gz").write_bytes(gzipped(LINES * 99)[:-20])
    with pytest.raises(InputError, match=r"quiz\.jsonl\.gz: cannot be read"):
        annotate(annotator(tmp_path, "quiz.jsonl.gz"), LONG)


def test_identity_is_content_and_names_not_folders(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_jsonl(tmp_path / folder / "quiz.jsonl", {"text": LONG})
    first, second = annotator(tmp_path / "a", "*"), annotator(tmp_path / "b", "*")
    assert first.identity == second.identity
    assert pickle.loads(pickle.dumps(first)) == first
    write_jsonl(tmp_path / "b" / "quiz.jsonl", {"text": SHORT})
    assert first.identity != annotator(tmp_path / "b", "*").identity
    assert first.identity != annotator(tmp_path / "a", "*", ngram=12).identity


ODD = st.sampled_from("aBé ß_漢字\U0002f800かな, .\n9ﬁİनी\U00020001😀\u0301Ⅷ")
TEXT = st.text(ODD | st.characters(exclude_categories=["Cs"]), max_size=60)


@settings(max_examples=200)
@given(TEXT)
def test_the_kernel_sees_the_words_of_the_reference(text: str) -> None:
    data = as_bytes(text)
    words = split_words(data, alphabet())
    pieces = [data[s:e] for s, e in zip(words.starts, words.ends, strict=True)]
    assert [list_words(piece) for piece in pieces] == [[word] for word in list_words(data)]
    spaced = as_bytes(" ".join(list_words(data)))
    assert np.array_equal(split_words(spaced, alphabet()).hashes, words.hashes)


@settings(max_examples=50)
@given(st.text(st.characters(max_codepoint=0x24F), max_size=80))
def test_latin_words_are_those_of_a_regular_expression(text: str) -> None:
    plain = text.encode("ascii", "ignore").decode()
    assert list_words(as_bytes(plain)) == re.findall(r"[^\W_]+", plain.lower())


@settings(max_examples=50)
@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 5))
def test_windows_are_equal_where_their_words_are(words: list[int], length: int) -> None:
    hashes = hash_windows(np.array(words, np.uint64), length)
    runs = [tuple(words[i : i + length]) for i in range(len(words) - length + 1)]
    assert len(hashes) == len(runs)
    for one, first in zip(hashes, runs, strict=True):
        for other, second in zip(hashes, runs, strict=True):
            assert (one == other) == (first == second)


@settings(max_examples=100)
@given(st.lists(st.integers(0, 2**64 - 1)), st.lists(st.integers(0, 2**64 - 1)))
def test_hits_are_those_of_a_linear_search(known: list[int], other: list[int]) -> None:
    index = make_index(np.sort(np.array(known, np.uint64)))
    windows = np.array(other + known[:1], np.uint64)
    expected = next((i for i, window in enumerate(windows) if int(window) in known), -1)
    hit = find_hit(windows, index, 0)
    assert hit.word == expected
    if expected >= 0:
        assert (index.hashes[hit.low : hit.high] == windows[expected]).all()
        assert hit.high - hit.low == known.count(int(windows[expected]))
