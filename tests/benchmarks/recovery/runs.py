"""One fine-tune: a base, a task, an arm, a ratio and a seed in; losses row by row out.

Reads HOME; writes HOME/runs/RUN.npz, whole or not at all, so that a benchmark that was stopped goes
on where it was. Always true: with one base, task and seed, all arms see the same task sequences at
the same steps, and all measure the same held-out rows.
"""

import tempfile
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from pipeline.fingerprint import derive_seed
from pipeline.replay.adapters import add_adapters
from pipeline.replay.batch import Batch, make_batch
from pipeline.replay.data import by_domain
from pipeline.replay.decoder import reproducible
from pipeline.replay.evaluate import Heldout, choose_heldout
from pipeline.replay.losses import autocast, scored_losses
from pipeline.replay.model import load_whole
from pipeline.replay.packing import Packed, Tokenized, concatenate, pack
from pipeline.replay.schedule import Plan, Pool, plan_mixture, plan_run
from pipeline.replay.task.examples import Example
from pipeline.replay.teacher import load_teacher
from pipeline.replay.tokenizer import load_tokenizer
from pipeline.replay.training import train
from tests.benchmarks.recovery.anchors import anchor_corpus
from tests.benchmarks.recovery.bases import base_corpus
from tests.benchmarks.recovery.parts import heldout_documents
from tests.benchmarks.recovery.protocol import ARM, LONGER, LORA, RECALL_STEPS, SETTINGS, Run, Size
from tests.benchmarks.recovery.sources import task_texts

TASK, SEEN = "task", "seen"  # held-out examples of the task; rows that the base has read
EVALUATION_ROWS = 32
HELDOUT_EXAMPLES = 300
Losses = dict[str, np.ndarray]  # NAME: nats, NAME-tokens: their number; each [rows]


class TaskData(NamedTuple):
    """A task's sequences, for training and held out."""

    training: Packed
    heldout: Packed


def finish(run: Run, corpora: Path, size: Size, home: Path) -> None:
    """Make a run, unless its results are there."""
    path = home / "runs" / f"{run.name}.npz"
    if path.is_file():
        return
    with reproducible(1):
        _write(path, fine_tune(run, corpora, size, home))


def fine_tune(run: Run, corpora: Path, size: Size, home: Path) -> dict[str, Any]:
    """Return the losses after the run, the share of tokens that was replayed, and the time."""
    started = time.process_time()
    task = task_data(run.task, corpora, size, home)
    base = home / "bases" / str(run.base)
    model = load_whole(base, SETTINGS)
    teacher = load_teacher(model, base, SETTINGS) if ARM[run.arm].loss == "base" else None
    if run.arm == "low-rank":
        model = add_adapters(model, LORA)
    num_steps = round(size.steps * LONGER) if run.arm == "longer" else size.steps
    plan, anchor = _plan(run, task, num_steps, size, home)
    batches = _batches(plan, task, anchor)
    steps = list(train(model, batches, num_steps, size.rate, run.name, SETTINGS, teacher))
    if run.arm == "recalled":
        _recall(model, run, size, home)
    num_anchor = sum(step.num_anchor_tokens for step in steps)
    num_task = sum(step.num_task_tokens for step in steps)
    ratio = num_anchor / (num_anchor + num_task)
    found = losses(model, heldout(run.task, run.base, corpora, size, home))
    return {**found, "ratio": ratio, "core_seconds": time.process_time() - started}


def measure_base(base: int, task: str, corpora: Path, size: Size, home: Path) -> None:
    """Write the base's own losses, which forgetting is counted from."""
    path = home / "runs" / f"base{base}-{task}.npz"
    if not path.is_file():
        with reproducible(1):
            model = load_whole(home / "bases" / str(base), SETTINGS)
            _write(path, losses(model, heldout(task, base, corpora, size, home)))


def _write(path: Path, measured: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        np.savez(file, **measured)
    Path(file.name).replace(path)


@torch.inference_mode()
def losses(model: torch.nn.Module, parts: dict[str, Packed]) -> Losses:
    """Return each held-out row's loss in nats, summed over its tokens, and their number."""
    found: Losses = {}
    model.eval()
    for name, packed in parts.items():
        nats = np.zeros(len(packed))
        for start in range(0, len(packed), EVALUATION_ROWS):
            rows = np.arange(start, min(start + EVALUATION_ROWS, len(packed)))
            part = packed.select(rows)
            with autocast(model, SETTINGS.dtype):  # type: ignore[arg-type]
                each = scored_losses(model, make_batch(part)).double().numpy()  # type: ignore[arg-type]
            owner = np.flatnonzero(part.scored) // part.scored.shape[1]
            nats[rows] = np.bincount(owner, weights=each, minlength=len(rows))
        found[name], found[f"{name}-tokens"] = nats, packed.num_scored()
    return found


@lru_cache(maxsize=4)
def task_data(task: str, corpora: Path, size: Size, home: Path) -> TaskData:
    """Return a task's packed sequences; a completion is cut where the context ends."""
    encoder = load_tokenizer(home / "tokenizer")
    texts = [Example(str(n), *pair) for n, pair in enumerate(task_texts(corpora, task))]
    encoded = encoder.encode_examples(texts)
    if task != "novels":  # these have no prompt: packing cuts them into pieces
        cut = [(each.tokens[: size.context], each.scored[: size.context]) for each in encoded]
        encoded = [Tokenized(*each) for each in cut if each[1].any()]
    num_heldout = min(HELDOUT_EXAMPLES, len(encoded) // 5)
    held, kept = encoded[:num_heldout], encoded[num_heldout:]
    return TaskData(pack(kept, size.context, encoder.end), pack(held, size.context, encoder.end))


@lru_cache(maxsize=16)
def heldout(task: str, base: int, corpora: Path, size: Size, home: Path) -> dict[str, Packed]:
    """Return what losses are measured on: domains, the task, and rows that the base has read."""
    encoder = load_tokenizer(home / "tokenizer")
    parts = {}
    for domain, documents in by_domain(heldout_documents(home)).items():
        packed = pack(encoder.encode_documents(documents), size.context, encoder.end)
        parts[domain] = _some(packed, size.heldout_rows, domain)
    seen = _some(base_corpus(size, home, encoder, base).packed, size.heldout_rows, SEEN)
    asked = _some(task_data(task, corpora, size, home).heldout, size.heldout_rows, TASK)
    return {**parts, TASK: asked, SEEN: seen}


def _some(packed: Packed, num_rows: int, name: str) -> Packed:
    num_bytes = np.zeros(1 + int(packed.tokens.max()), np.int64)  # not counted here
    chosen: Heldout = choose_heldout(
        packed, num_bytes, num_rows, derive_seed(0, f"recovery:{name}")
    )
    return chosen.packed


def _plan(
    run: Run, task: TaskData, num_steps: int, size: Size, home: Path
) -> tuple[Plan, Packed | None]:
    scored = task.training.num_scored()
    if ARM[run.arm].is_control:
        nothing = Pool(np.zeros(0, np.int64), (), {})
        return plan_run(run.seed, scored, nothing, 0.0, num_steps, size.batch_size), None
    corpus = anchor_corpus(run.arm, run.base, size, home)
    plan = plan_run(run.seed, scored, corpus.pool, run.ratio, num_steps, size.batch_size)
    return plan, corpus.packed


def _recall(model: torch.nn.Module, run: Run, size: Size, home: Path) -> None:
    """Take a few steps on text that is neither the task's nor like the base's.

    What comes back by that had not been lost, only covered ("spurious forgetting"; Zheng et al.
    2025, arXiv 2501.13453).
    """
    corpus = anchor_corpus("unrelated", run.base, size, home)
    plan = plan_mixture(run.seed, corpus.pool, RECALL_STEPS, size.batch_size)
    batches = (make_batch(corpus.packed.select(rows)) for rows in plan)
    list(train(model, batches, RECALL_STEPS, size.rate, run.name, SETTINGS))  # type: ignore[arg-type]


def _batches(plan: Plan, task: TaskData, anchor: Packed | None) -> Iterator[Batch]:
    for step, rows in enumerate(plan.task):
        parts = [task.training.select(rows)]
        if anchor is not None:
            parts.append(anchor.select(plan.anchor_at(step)))
        yield make_batch(concatenate(parts), num_task_sequences=len(rows))
