"""Records of every usual shape, as files have them, and what is wrong with some."""

import json
import weakref
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import InputError
from pipeline.replay.task import records
from pipeline.replay.task.examples import Candidates, Chat, Example
from pipeline.replay.task.records import record_candidates
from pipeline.replay.task.template import ChatTemplate
from schemas.finetune_inputs import RecordsTask
from tests.conftest import CORPORA

TEMPLATE = ChatTemplate(
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}",
    {},
)


def read(
    path: Path, template: ChatTemplate | None = None, num_wanted: int = 10_000, **fields: Any
) -> Candidates:
    task = RecordsTask(kind="records", path=path.name, **fields)
    return record_candidates(task, path, template, frozenset(), num_wanted)


def jsonl(folder: Path, *records: object) -> Path:
    path = folder / "task.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


CHAT = [{"role": "user", "content": "two?"}, {"role": "assistant", "content": "2"}]
SHAPES: list[tuple[str, dict[str, Any]]] = [
    ("messages", {"messages": CHAT}),
    (
        "sharegpt",
        {"conversations": [{"from": "human", "value": "two?"}, {"from": "gpt", "value": "2"}]},
    ),
    ("alpaca", {"instruction": "two?", "input": "", "output": "2"}),
    ("prompt_completion", {"prompt": CHAT[:1], "completion": CHAT[1:]}),
]


@pytest.mark.parametrize(("shape", "record"), SHAPES)
def test_every_shape_of_a_chat_gives_the_same_chat(
    tmp_path: Path, shape: str, record: dict[str, Any]
) -> None:
    found = read(jsonl(tmp_path, record), TEMPLATE)
    assert found.shape == shape
    [chat] = found.examples
    assert isinstance(chat, Chat)
    assert chat.text == "<user>two?<assistant>2"
    assert [chat.text[low:high] for low, high in chat.answers] == ["2"]


def test_an_instruction_without_a_template_has_headings(tmp_path: Path) -> None:
    record = {"instruction": "Add.", "input": "1 1", "output": "2"}
    [example] = read(jsonl(tmp_path, record)).examples
    assert isinstance(example, Example)
    assert example.prompt == "### Instruction:\nAdd.\n\n1 1\n\n### Response:\n"
    assert example.completion == "2"


def test_chats_without_a_template_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"task\.jsonl: its chats need a chat template.*name one"):
        read(jsonl(tmp_path, {"messages": CHAT}))


def test_fields_may_have_other_names(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {"question": "Why?", "answer": "So."}, {"question": "", "answer": "x"})
    found = read(path, prompt_field="question", completion_field="answer")
    assert [(e.prompt, e.completion) for e in found.examples if isinstance(e, Example)] == [
        ("Why?", "So.")
    ]
    assert found.skipped == {"missing_field": 1}


def test_parquet_is_read_as_jsonl_is(tmp_path: Path) -> None:
    path = tmp_path / "task.parquet"
    pq.write_table(pa.Table.from_pylist([{"messages": CHAT}, {"messages": CHAT[:1]}]), path)
    found = read(path, TEMPLATE)
    assert len(found.examples) == 1
    assert found.skipped == {"no_answer": 1}


def test_what_cannot_be_used_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.jsonl: no such file; task\.path"):
        read(tmp_path / "gone.jsonl")
    with pytest.raises(InputError, match="no records; the task is empty"):
        read(jsonl(tmp_path))
    with pytest.raises(InputError, match=r"no known shape.*fields of the first: a, b"):
        read(jsonl(tmp_path, {"a": 1, "b": 2}))
    with pytest.raises(InputError, match=r"no record can be used as alpaca \(2 missing_field\)"):
        read(jsonl(tmp_path, {"instruction": "x", "output": ""}, "text"), format="alpaca")
    (tmp_path / "task.jsonl").write_text('{"text": "fine"}\n{"text": \n')
    with pytest.raises(InputError, match=r"task\.jsonl.*2"):
        read(tmp_path / "task.jsonl")


def topics(folder: Path, *topics: str, each: int = 100) -> Path:
    rows = [{"prompt": f"{topic} {n}", "completion": "x"} for topic in topics for n in range(each)]
    return jsonl(folder, *rows)


def prompts(found: Candidates) -> list[str]:
    return [example.prompt for example in found.examples if isinstance(example, Example)]


def test_records_are_taken_from_all_over_the_file(tmp_path: Path) -> None:
    path = topics(tmp_path, "art", "law", "sea")
    found = read(path, num_wanted=30)
    assert len(found.examples) == 30
    assert found.skipped == {"not_needed": 270}
    taken = prompts(found)
    assert {prompt.split()[0] for prompt in taken} == {"art", "law", "sea"}
    everything = prompts(read(path))
    assert taken == [prompt for prompt in everything if prompt in set(taken)]
    assert prompts(read(path, num_wanted=30)) == taken
    assert set(taken) < set(prompts(read(path, num_wanted=40)))


def test_records_that_cannot_be_used_give_way_to_others(tmp_path: Path) -> None:
    refusing = ChatTemplate(
        "{% if 'law' in messages[0].content %}{{ raise_exception('no law') }}{% endif %}"
        + TEMPLATE.source,
        {},
    )
    said = [f"{topic} {n}" for n in range(100) for topic in ("art", "law", "sea")]
    rows = [{"instruction": each, "output": "x" if n % 5 else ""} for n, each in enumerate(said)]
    found = read(jsonl(tmp_path, *rows), refusing, num_wanted=30)
    assert len(found.examples) == 30
    assert found.skipped["missing_field"] == 60
    assert 0 < found.skipped["template_refuses"] < 30
    assert len(found.examples) + sum(found.skipped.values()) == 300


def test_few_records_are_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: weakref.WeakSet[object] = weakref.WeakSet()
    most = 0
    read_shape = records.read_shape

    def watch(*args: Any) -> object:
        nonlocal most
        found = read_shape(*args)
        alive.add(found)
        most = max(most, len(alive))
        return found

    monkeypatch.setattr(records, "read_shape", watch)
    assert len(read(topics(tmp_path, "art", "law", each=500), num_wanted=10).examples) == 10
    assert most <= 10 * records.FIRST_KEPT + 2


REAL = {
    "instruction/alpaca_libre.jsonl.gz": None,
    "instruction/codealpaca.jsonl.gz": None,
    "instruction/gpteacher.jsonl.gz": None,
    "instruction/self_instruct_seed.jsonl.gz": None,
    "instruction/t0_prompts.jsonl.zst": None,
}


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not there")
@pytest.mark.parametrize("name", REAL)
def test_real_files_of_instructions_are_read_whole(name: str) -> None:
    path = CORPORA / name
    found = read(path, TEMPLATE, num_wanted=100_000)
    assert found.shape in {"alpaca", "prompt_completion"}
    total = len(found.examples) + sum(found.skipped.values())
    assert len(found.examples) > 0.95 * total


def test_usable_records_are_found_among_many_that_are_not(tmp_path: Path) -> None:
    """A template that refuses nearly all must not make a task empty."""
    refusing = ChatTemplate(
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        + TEMPLATE.source,
        {},
    )
    system = {"role": "system", "content": "Be kind."}
    chats = [
        {"messages": [{"role": "user", "content": f"{n}?"}, CHAT[1]] if n % 50 == 0
         else [system, *CHAT]}
        for n in range(1_000)
    ]  # fmt: skip
    found = read(jsonl(tmp_path, *chats), refusing, num_wanted=10)
    assert len(found.examples) == 10
    assert sum(found.skipped.values()) == 990
    assert set(found.skipped) == {"template_refuses", "not_needed"}
