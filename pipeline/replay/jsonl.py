"""A task from a file of records with a prompt and a completion each.

Reads JSONL (also .gz .zst .bz2) or whatever else `pipeline.records` reads; writes nothing. Always
true: a record without text in both fields is skipped and counted, and examples with one prompt
are one group, so that no prompt is both taught and held out.
"""

import hashlib
from pathlib import Path

from pipeline.errors import InputError
from pipeline.records import clean_text, read_records
from pipeline.replay.examples import Candidates, Example


def jsonl_candidates(
    path: Path, prompt_field: str, completion_field: str, num_wanted: int
) -> Candidates:
    """Return up to `num_wanted` examples, in file order.

    Raises InputError where the file is missing, damaged, or gives no example.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; task.path must name a JSONL file")
    examples: list[Example] = []
    num_skipped = 0
    for record in read_records(path):
        if len(examples) >= num_wanted:
            break
        example = _as_example(record, prompt_field, completion_field)
        if example is None:
            num_skipped += 1
        else:
            examples.append(example)
    if not examples:
        raise InputError(
            f"{path}: no record has text in both {prompt_field!r} and {completion_field!r}, so the "
            "task is empty; set task.prompt_field and task.completion_field"
        )
    return Candidates(examples, skipped={"missing_field": num_skipped} if num_skipped else {})


def _as_example(record: object, prompt_field: str, completion_field: str) -> Example | None:
    if not isinstance(record, dict):
        return None
    prompt, completion = record.get(prompt_field), record.get(completion_field)
    if not isinstance(prompt, str) or not isinstance(completion, str):
        return None
    if not prompt.strip() or not completion.strip():
        return None
    prompt, completion = clean_text(prompt), clean_text(completion)
    group = hashlib.sha256(prompt.encode()).hexdigest()
    return Example(group, prompt, completion)
