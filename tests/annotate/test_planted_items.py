"""Every item of real evaluation files is found in real documents, however lightly edited."""

import json
import random
import re
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.annotate.evaluation_items import EvaluationIndex, item_texts, load_index
from pipeline.annotate.evaluation_words import without_punctuation
from pipeline.normalize.text import normalize_text
from pipeline.records import read_records
from tests.annotate.planting import (
    EDITS,
    LIGHT_EDITS,
    SlowSearch,
    plant,
    runs_of,
    runs_together,
    words_of,
)

FILES = ("HumanEval", "bbh", "gsm8k_test", "mmlu_test", "nq_open_dev")
TEXTS_OF_A_FILE = 120
ITEMS = (
    "Don't the well-known owners of the café say that it's theirs; or is it someone else's?",
    "Which river of northern Sweden, the U.K. or _____ is the longest?",
    "What's a shop's so-called 'trade-off'? And why isn't it one",
)
SPACES = (" ", "  ", "\n", "\t", "\u00a0", "\n\n", " \u200b", "\u3000")
MARKS = (",", " - ", "—", "...", " “", "*", "_", "?", "\u2019")


def index_of(*paths: Path) -> EvaluationIndex:
    return load_index(paths, tuple(str(path.stat().st_mtime_ns) for path in paths), 13)


@pytest.fixture(scope="module")
def three_items(tmp_path_factory: pytest.TempPathFactory) -> EvaluationIndex:
    path = tmp_path_factory.mktemp("items") / "items.jsonl"
    path.write_text("".join(json.dumps({"question": item}) + "\n" for item in ITEMS))
    return index_of(path)


def scrambled(text: str, rng: random.Random, *, delete: bool) -> str:
    """Return the text in any case, spacing and punctuation; without any of the last: `delete`."""
    edited = []
    for character in without_punctuation(text) if delete else text:
        if character.isspace():
            mark = "" if delete else rng.choice(("", *MARKS))
            edited.append(mark + rng.choice(SPACES))
        elif character.isalnum():
            edited.append(rng.choice((character.lower(), character.upper())))
        else:
            edited.append(rng.choice(MARKS))
    return "".join(edited)


@settings(max_examples=300)
@given(st.randoms(use_true_random=False), st.sampled_from(ITEMS), st.booleans(), st.text())
def test_any_case_punctuation_and_spacing(
    three_items: EvaluationIndex, rng: random.Random, item: str, delete: bool, around: str
) -> None:
    text = normalize_text(f"{around}\n{scrambled(item, rng, delete=delete)}\n{around}")
    match = three_items.find(text)
    assert match is not None
    assert match.item == f"items.jsonl#{ITEMS.index(item)}"
    assert match.span in text
    assert match == three_items.find_all(pa.array([text]))[0]


def pages_of(corpora: Path, index: EvaluationIndex) -> Iterator[str]:
    """Return news without end, of which none holds an item."""
    news = [
        normalize_text(page["text"]) for page in read_records(corpora / "news" / "bbc.jsonl.gz")
    ]
    matches = index.find_all(pa.array(news))
    assert not any(matches)
    return cycle(news)


def sampled_texts(path: Path, count: int) -> list[tuple[str, str]]:
    """Return texts that can be searched for, with their items, from all over a file."""
    texts = [
        (f"{path.name}#{number}", text)
        for number, record in enumerate(read_records(path))
        for text in item_texts(record)
    ]
    step = max(1, len(texts) // (2 * count))
    return [(item, text) for item, text in texts[::step] if runs_of(text)][:count]


@pytest.mark.parametrize("name", FILES)
def test_items_of_every_file_are_found_after_every_light_edit(corpora: Path, name: str) -> None:
    path = corpora / "eval" / f"{name}.jsonl.gz"
    index = index_of(path)
    planted = sampled_texts(path, TEXTS_OF_A_FILE)
    assert len(planted) > TEXTS_OF_A_FILE / 2
    pages = pages_of(corpora, index)
    for edit in LIGHT_EDITS.values():
        documents = [normalize_text(plant(next(pages), edit(text))) for _, text in planted]
        found = index.find_all(pa.array(documents))
        for (item, text), document, match in zip(planted, documents, found, strict=True):
            assert (match is None) == (edit is without_punctuation and runs_together(text))
            if match is None:
                continue
            assert match.span in document
            runs = {tuple(words_of(match.span))}
            assert match.item == item or runs.intersection(runs_of(text))  # a twin shares it


def test_parquet_and_text_files_hold_the_same_items(corpora: Path, tmp_path: Path) -> None:
    records = list(read_records(corpora / "eval" / "gsm8k_test.jsonl.gz"))[:TEXTS_OF_A_FILE]
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "quiz.parquet")
    questions = [re.sub(r"\n\s*\n", "\n", record["question"]) for record in records]
    (tmp_path / "quiz.txt").write_text("\n\n".join(questions), encoding="utf-8")
    for path in (tmp_path / "quiz.parquet", tmp_path / "quiz.txt"):
        index = index_of(path)
        pages = pages_of(corpora, index)
        documents = pa.array([plant(next(pages), question.upper()) for question in questions])
        items = [match and match.item for match in index.find_all(documents)]
        assert items == [f"{path.name}#{number}" for number in range(len(questions))]


def test_the_index_finds_what_a_slow_search_finds(corpora: Path) -> None:
    paths = [corpora / "eval" / f"{name}.jsonl.gz" for name in ("HumanEval", "gsm8k_test")]
    index = index_of(*paths)
    slow = SlowSearch(
        (f"{path.name}#{number}", list(item_texts(record)))
        for path in paths
        for number, record in enumerate(read_records(path))
    )
    train = read_records(corpora / "instruction" / "gsm8k_train.jsonl.gz")
    code = read_records(corpora / "instruction" / "codealpaca.jsonl.gz")
    documents = [f"{record['question']}\n{record['answer']}" for record in train][:700:5]
    documents += [record["output"] for record in code][:200]
    texts = [text for path in paths for _, text in sampled_texts(path, 60)]
    for text, edit, page in zip(texts, cycle(EDITS.values()), cycle(documents), strict=False):
        documents.append(plant(page, edit(text)))
    documents = [normalize_text(document) for document in documents]
    matches = index.find_all(pa.array(documents))
    found = [match and (match.item, tuple(words_of(match.span))) for match in matches]
    assert found == [slow.find(document) for document in documents]
    assert 100 < sum(match is not None for match in matches) < len(documents) - 200


@pytest.mark.parametrize(
    ("name", "field", "items"),
    [
        ("instruction/gsm8k_train.jsonl.gz", "question", {"gsm8k_test": {581, 602, 632}}),
        ("government/us_presidents.jsonl.gz", "text", {"mmlu_test": {2575}}),
        ("legal/irish_acts.parquet", "text", {"bbh": {4475}}),
        ("techdocs/techdocs.jsonl.zst", "text", {}),  # what HumanEval shares is [1, 2, 3], [4, 5 …
        ("books/classics_chapters.jsonl.zst", "text", {}),
    ],
)
def test_known_overlaps_of_real_documents(
    corpora: Path, name: str, field: str, items: dict[str, set[int]]
) -> None:
    index = index_of(*(corpora / "eval" / f"{name}.jsonl.gz" for name in FILES))
    documents = [normalize_text(record[field]) for record in read_records(corpora / name)]
    matches = [match for match in index.find_all(pa.array(documents)) if match]
    expected = {f"{file}.jsonl.gz#{item}" for file in items for item in items[file]}
    assert {match.item for match in matches} == expected
    assert all(any(match.span in document for document in documents) for match in matches)
