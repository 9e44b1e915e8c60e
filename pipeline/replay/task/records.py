"""A task from a file of records: chats, instructions, prompts with completions, or plain text.

Reads JSONL, JSON or Parquet (also .gz .zst .bz2) by `pipeline.records`; writes nothing. Always
true: a record that gives no example is skipped and counted by reason, and examples with one prompt
are one group, so that no prompt is both taught and held out.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from pipeline.errors import InputError
from pipeline.records import clean_text, read_records
from pipeline.replay.task.examples import Candidates, Chat, Example
from pipeline.replay.task.shapes import (
    Conversation,
    Pair,
    Shape,
    SkippedError,
    plain,
    read_shape,
    shape_of,
)
from pipeline.replay.task.template import ChatTemplate
from schemas.finetune_inputs import RecordsTask

NO_SPAN, REFUSED, SPELLS_SPECIAL = "answers_not_found", "template_refuses", "spells_special_token"


def record_candidates(
    task: RecordsTask,
    path: Path,
    template: ChatTemplate | None,
    special: frozenset[str],
    num_wanted: int,
) -> Candidates:
    """Return up to `num_wanted` examples, in file order.

    `special`: the tokenizer's special tokens, which no message may spell out. Raises InputError
    where the file is missing, damaged or gives no example, or where chats have no template.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; task.path must name a file of records")
    records = read_records(path)
    shape, records = _shape(task, path, records)
    examples: list[Example | Chat] = []
    skipped: Counter[str] = Counter()
    for record in records:
        if len(examples) >= num_wanted:
            break
        try:
            found = read_shape(record, shape, task)
            if isinstance(found, Pair):
                examples.append(_pair(found))
            elif template is not None:
                examples.append(_chat(found, template, special))
            elif shape == "alpaca":
                examples.append(_headed(found))
            else:
                raise InputError(
                    f"{path}: its chats need a chat template, and the model's tokenizer has none; "
                    "name one with task.chat_template"
                )
        except SkippedError as reason:
            skipped[str(reason)] += 1
    if not examples:
        raise InputError(_nothing(path, shape, skipped))
    return Candidates(examples, skipped=dict(skipped), shape=shape)


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


def _nothing(path: Path, shape: Shape, skipped: Mapping[str, int]) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(skipped.items()))
    return (
        f"{path}: no record can be used as {shape} ({reasons or 'it has none'}), so the task is "
        "empty; check task.format and the fields it names"
    )


def _pair(pair: Pair) -> Example:
    prompt, completion = clean_text(pair.prompt), clean_text(pair.completion)
    return Example(_group(prompt or completion), prompt, completion)


def _chat(found: Conversation, template: ChatTemplate, special: frozenset[str]) -> Chat:
    if any(token in each["content"] for each in found.messages for token in special):
        raise SkippedError(SPELLS_SPECIAL)  # it could end a turn, or open one of another role
    try:
        text, answers = template.render(found.messages)
    except ValueError:
        raise SkippedError(REFUSED) from None
    if not answers:
        raise SkippedError(NO_SPAN)
    return Chat(_group(plain(found)), text, answers)


def _headed(found: Conversation) -> Example:
    """Return an instruction for a model without a template: headings before both sides."""
    asked, answer = (message["content"] for message in found.messages)
    prompt = f"### Instruction:\n{clean_text(asked)}\n\n### Response:\n"
    return Example(_group(prompt), prompt, clean_text(answer))


def _group(prompt: str) -> str:
    return hashlib.sha256(prompt.encode()).hexdigest()
