"""The data of a fine-tune, tokenised and packed: task, anchor, and what loss is measured on.

Takes documents and examples, gives packed sequences; writes nothing. Always true: a packed anchor
sequence holds documents of one domain, so that a domain's share can be held in tokens.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import InputError
from pipeline.fingerprint import derive_seed
from pipeline.replay.build import Document
from pipeline.replay.evaluate import Heldout, choose_heldout
from pipeline.replay.packing import Packed, Tokenized, concatenate, pack
from pipeline.replay.schedule import Pool, feasible_shares
from pipeline.replay.task.docstrings import docstring_candidates
from pipeline.replay.task.examples import Candidates, hold_out
from pipeline.replay.task.records import NOT_NEEDED, record_candidates
from pipeline.replay.task.template import find_template
from pipeline.replay.tokenizer import END_OF_TEXT, TextEncoder, load_tokenizer
from schemas.domain import DOMAINS
from schemas.finetune import FinetuneConfig
from schemas.finetune_inputs import RecordsTask, Task

TASK = "task"  # the name of the task's held-out set, beside the domains'
SPARE = 1.25  # candidates per example wanted: some turn out too long for the context
PROMPT_CHARACTERS_PER_TOKEN = 1.5  # of the context: leaves room for the completion


@dataclass(frozen=True)
class Corpus:
    """Packed sequences of many domains, and how to draw from them."""

    packed: Packed
    pool: Pool


@dataclass(frozen=True)
class TaskData:
    """The task's packed training sequences, its held-out set, and counts for the manifest."""

    training: Packed
    heldout: Heldout
    facts: dict[str, object]


def task_candidates(
    task: Task, base: Path, documents: Sequence[Document], context: int, model: Path | None
) -> Candidates:
    """Return the task's examples, somewhat more than are wanted; raise InputError for none.

    `model`: the folder of a trained base, whose chat template and special tokens count.
    """
    num_wanted = int(SPARE * (task.max_examples + task.num_heldout))
    if isinstance(task, RecordsTask):
        given = base / task.chat_template if task.chat_template else None
        template = find_template(model or base, given)
        special = load_tokenizer(model).special_tokens() if model else frozenset({END_OF_TEXT})
        return record_candidates(task, base / task.path, template, special, num_wanted)
    max_characters = int(PROMPT_CHARACTERS_PER_TOKEN * context)
    candidates = docstring_candidates(documents, num_wanted, max_characters)
    if not candidates.examples:
        raise InputError(
            "task.kind docstrings: the build's code holds no documented Python function; use a "
            "build with Python code, or a task of kind records"
        )
    return candidates


def prepare_task(candidates: Candidates, encoder: TextEncoder, config: FinetuneConfig) -> TaskData:
    """Tokenise and pack the task; examples longer than the context are left out and counted."""
    encoded = encoder.encode_examples(candidates.examples)
    is_text = candidates.shape == "text"  # texts are cut into pieces, like documents
    fits = [is_text or len(example.tokens) <= config.context for example in encoded]
    kept = [example for example, fit in zip(encoded, fits, strict=True) if fit]
    groups = [e.group for e, fit in zip(candidates.examples, fits, strict=True) if fit]
    if len(kept) < 2:
        raise InputError(
            f"task: {len(kept)} of {len(encoded)} examples fit the context of {config.context} "
            "tokens; raise `context` or give shorter examples"
        )
    task = config.task
    training, heldout = hold_out(kept, groups, task.num_heldout, task.max_examples)
    if not training or not heldout:
        raise InputError(
            "task: all examples come from one document or prompt, so none can be held out; "
            "give examples of at least two"
        )
    num_unused = len(kept) - len(training) - len(heldout)
    skipped = Counter(candidates.skipped)
    skipped.update({NOT_NEEDED: num_unused, "longer_than_context": len(encoded) - len(kept)})
    return TaskData(
        training=pack(training, config.context, encoder.end),
        heldout=_heldout(heldout, TASK, encoder, config.context, len(heldout)),
        facts={
            "kind": task.kind,
            **({"format": candidates.shape} if candidates.shape else {}),
            "num_examples": len(training),
            "num_heldout_examples": len(heldout),
            "num_scored_tokens": _num_scored(training),
            "num_documents": len(candidates.document_ids),
            "skipped": {reason: count for reason, count in skipped.items() if count},
        },
    )


def pack_corpus(
    documents: Sequence[Document], shares: Mapping[str, float], encoder: TextEncoder, context: int
) -> Corpus:
    """Pack the documents of each domain apart; domains' shares are as given where they can be.

    Raises InputError where no document gives a loss-bearing token.
    """
    parts = {
        domain: pack(encoder.encode_documents(members), context, encoder.end)
        for domain, members in by_domain(documents).items()
    }
    available = {domain: int(part.num_scored().sum()) for domain, part in parts.items()}
    feasible = feasible_shares(shares, available)
    if not feasible:
        raise InputError(
            "the build is too small: after the task's documents are set aside, nothing is left "
            "to train on or to replay; build with more sample.tokens"
        )
    packed = concatenate(list(parts.values()))
    domains = tuple(domain for domain, part in parts.items() for _ in range(len(part)))
    return Corpus(packed, Pool(packed.num_scored(), domains, feasible))


def prepare_heldout(
    documents: Sequence[Document], encoder: TextEncoder, config: FinetuneConfig
) -> dict[str, Heldout]:
    """Pack the held-out documents of each domain; a domain without a token of text is left out."""
    parts = {
        domain: _heldout(
            encoder.encode_documents(members),
            domain,
            encoder,
            config.context,
            config.heldout_sequences,
        )
        for domain, members in by_domain(documents).items()
    }
    measurable = {domain: part for domain, part in parts.items() if part.num_bytes > 0}
    if not measurable:
        raise InputError("the build's held-out documents hold no text; build again with more")
    return measurable


def by_domain(documents: Iterable[Document]) -> dict[str, list[Document]]:
    """Group documents by domain, domains in order of display."""
    groups: dict[str, list[Document]] = {}
    for document in documents:
        groups.setdefault(document.domain, []).append(document)
    rank = {name: position for position, name in enumerate(DOMAINS)}
    names = sorted(groups, key=lambda name: (rank.get(name, len(rank)), name))
    return {name: groups[name] for name in names}


def _heldout(
    encoded: list[Tokenized], name: str, encoder: TextEncoder, context: int, max_sequences: int
) -> Heldout:
    packed = pack(encoded, context, encoder.end)
    return choose_heldout(
        packed, encoder.token_bytes(), max_sequences, derive_seed(0, f"heldout:{name}")
    )


def _num_scored(examples: Sequence[Tokenized]) -> int:
    return int(np.sum([example.scored.sum() for example in examples]))
