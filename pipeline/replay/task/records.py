"""A task from a file of records: chats, instructions, prompts with completions, or plain text.

Reads JSONL, JSON or Parquet (also .gz .zst .bz2) by `pipeline.records`; writes nothing. Always
true: a file is read to its end, and which of its records are used is a matter of their place in it,
by hash, so that a file sorted by topic gives all of them and more records hold all of fewer; a
record that gives no example, and an answer of a chat that cannot be taught, is counted by reason;
examples with one first question are one group, so that it is not both taught and held out.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from heapq import nsmallest
from itertools import chain
from operator import itemgetter
from pathlib import Path

from pipeline.errors import InputError
from pipeline.records import read_records
from pipeline.replay.split import hash_rank
from pipeline.replay.task.examples import Candidates, Chat, Example
from pipeline.replay.task.shapes import (
    Conversation,
    Pair,
    Shape,
    SkippedError,
    is_answer,
    question_of,
    read_shape,
    shape_of,
)
from pipeline.replay.task.template import ChatTemplate
from schemas.finetune_inputs import RecordsTask

NO_SPAN, REFUSED, SPELLS_SPECIAL, NOT_NEEDED = (
    "answers_not_found", "template_refuses", "spells_special_token", "not_needed",
)  # fmt: skip
FIRST_KEPT, MORE_KEPT = 2, 8  # records kept for each example wanted: the template refuses some

Ranked = tuple[bytes, int, Conversation | Pair]  # hash, place in the file, what the record holds


def record_candidates(
    task: RecordsTask,
    path: Path,
    template: ChatTemplate | None,
    special: frozenset[str],
    num_wanted: int,
) -> Candidates:
    """Return about `num_wanted` examples, in file order, from records all over the file.

    `special`: the tokenizer's special tokens, which no message may spell out. Raises InputError
    where the file is missing, damaged or gives no example, or where chats have no template.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; task.path must name a file of records")
    num_kept = FIRST_KEPT * num_wanted
    while True:
        shape, records = _shape(task, path, read_records(path))
        skipped: Counter[str] = Counter()
        ranked = nsmallest(num_kept, _ranked(records, shape, task, skipped))
        has_chats = any(isinstance(found, Conversation) for _, _, found in ranked)
        if template is None and has_chats and shape != "alpaca":
            raise InputError(
                f"{path}: its chats need a chat template, and the model's tokenizer has none; "
                "name one with task.chat_template"
            )
        examples: list[tuple[int, Example | Chat]] = []
        for _, place, found in ranked:
            if len(examples) >= num_wanted:
                break
            skipped[NOT_NEEDED] -= 1
            made = _examples(found, template, special, skipped)
            examples += [(place, example) for example in made]
        if len(examples) >= num_wanted or len(ranked) < num_kept:
            break
        num_kept *= MORE_KEPT  # most could not be used: the file is read again
    if not examples:
        raise InputError(_nothing(path, shape, skipped))
    in_order = [example for _, example in sorted(examples, key=itemgetter(0))]
    return Candidates(in_order, skipped=dict(+skipped), shape=shape)


def _ranked(
    records: Iterable[object], shape: Shape, task: RecordsTask, skipped: Counter[str]
) -> Iterator[Ranked]:
    """Yield what records hold; each counts as not needed until it is taken."""
    for place, record in enumerate(records):
        try:
            found = read_shape(record, shape, task)
        except SkippedError as reason:
            skipped[str(reason)] += 1
            continue
        skipped[NOT_NEEDED] += 1
        yield hash_rank("task-record", str(place)), place, found


def _shape(
    task: RecordsTask, path: Path, records: Iterator[object]
) -> tuple[Shape, Iterator[object]]:
    """Return the shape of the records, by the first that shows one, and all records."""
    if task.format != "auto":
        return task.format, records
    passed = []
    for record in records:
        passed.append(record)
        shape = shape_of(record, task) if isinstance(record, Mapping) else None
        if shape is not None:
            return shape, chain(passed, records)
    first = passed[0] if passed else None
    fields = ", ".join(map(str, first)) if isinstance(first, Mapping) else "none"
    if not passed:
        raise InputError(f"{path}: no records; the task is empty")
    raise InputError(
        f"{path}: no known shape of record (fields of the first: {fields}); set task.format, and "
        "task.prompt_field and task.completion_field or task.text_field"
    )


def _nothing(path: Path, shape: Shape, skipped: Counter[str]) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted((+skipped).items()))
    return (
        f"{path}: no record can be used as {shape} ({reasons or 'it has none'}), so the task is "
        "empty; check task.format and the fields it names"
    )


def _examples(
    found: Conversation | Pair,
    template: ChatTemplate | None,
    special: frozenset[str],
    skipped: Counter[str],
) -> list[Example] | list[Chat]:
    """Return the examples that a record gives; what it does not give is counted."""
    if isinstance(found, Pair):
        return [Example(_group(found.prompt or found.completion), found.prompt, found.completion)]
    if template is None:
        return [_headed(found)]
    if any(token in each["content"] for each in found.messages for token in special):
        skipped[SPELLS_SPECIAL] += 1  # it could end a turn, or open one of another role
        return []
    try:
        rendered = template.render(found.messages)
    except ValueError:
        skipped[REFUSED] += 1
        return []
    num_answers = sum(map(is_answer, found.messages))
    skipped[NO_SPAN] += num_answers - sum(len(each.answers) for each in rendered)
    return [Chat(_group(question_of(found)), each.text, each.answers) for each in rendered]


def _headed(found: Conversation) -> Example:
    """Return an instruction for a model without a template: headings before both sides."""
    asked, answer = (message["content"] for message in found.messages)
    prompt = f"### Instruction:\n{asked}\n\n### Response:\n"
    return Example(_group(prompt), prompt, answer)


def _group(prompt: str) -> str:
    return hashlib.sha256(prompt.encode()).hexdigest()
