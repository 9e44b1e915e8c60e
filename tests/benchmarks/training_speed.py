"""Tokens a second of the training step beside those of transformers' Trainer.

One model, the same packed sequences with the same positions, the same optimiser, one run; rounds
take turns, so that other load on the machine falls on both. On a processor both use the same
attention; on a GPU each uses its own for packed sequences. Also: how long the data path takes
(planning aside, making a step's tensors) of a step, and on a GPU the MFU.
"""

# ruff: noqa: T201

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch
from transformers import LlamaForCausalLM, Trainer, TrainingArguments

from pipeline.replay.attention import dense_mask, prepare_attention
from pipeline.replay.batch import make_batch
from pipeline.replay.build import Document
from pipeline.replay.data import pack_corpus
from pipeline.replay.decoder import new_decoder, reproducible
from pipeline.replay.packing import Packed
from pipeline.replay.throughput import flops_per_token, peak_flops
from pipeline.replay.tokenizer import train_tokenizer
from pipeline.replay.training import Training
from schemas.finetune_inputs import FreshDecoder
from schemas.training import TrainingSettings
from tests.benchmarks.texts import installed_texts

NUM_ROUNDS = 7
NUM_THREADS = os.cpu_count() or 1
NOT_SCORED = -100  # what the loss of transformers passes over
SHAPES = {  # hidden size, layers, heads, vocabulary, context, sequences a step, steps
    "tiny": (128, 3, 4, 2_048, 128, 8, 60),
    "small": (256, 3, 4, 16_000, 256, 8, 6),
    "1b": (2_048, 18, 16, 32_000, 4_096, 8, 6),
}


@dataclass(frozen=True)
class Bench:
    """Where and how both train."""

    device: str
    dtype: str
    batch_size: int
    num_steps: int

    @property
    def settings(self) -> TrainingSettings:
        """The same, for ours."""
        return TrainingSettings.model_validate({"dtype": self.dtype, "device": self.device})


def main(
    shapes: Sequence[str] = ("tiny", "small"),
    device: str = "cpu",
    dtype: str = "float32",
    num_threads: int = NUM_THREADS,
) -> None:
    """Print tokens a second of both, and their ratio, for some models."""
    texts = installed_texts(20_000_000 if "1b" in shapes else 2_000_000).to_pylist()
    documents = [Document(str(n), text, "code", "-", 1) for n, text in enumerate(texts)]
    for name in shapes:
        hidden, layers, heads, vocabulary, context, batch_size, num_steps = SHAPES[name]
        shape = FreshDecoder(
            hidden_size=hidden, num_layers=layers, num_heads=heads, vocabulary_size=vocabulary
        )
        encoder = train_tokenizer(documents, vocabulary)
        packed = pack_corpus(documents, {"code": 1.0}, encoder, context).packed
        model = new_decoder(shape, encoder, context, seed=0)
        model.to(device)  # type: ignore[arg-type]
        compare(model, packed, Bench(device, dtype, batch_size, num_steps), num_threads)


def compare(model: LlamaForCausalLM, packed: Packed, bench: Bench, num_threads: int) -> None:
    """Print the figures of one model."""
    shape = (bench.num_steps + 1, bench.batch_size)
    rows = np.random.default_rng(0).integers(0, len(packed), shape)
    start = {name: each.clone() for name, each in model.state_dict().items()}
    ours, theirs, data = [], [], []
    with reproducible(num_threads):
        for _ in range(NUM_ROUNDS):
            model.load_state_dict(start)
            speed, share = our_speed(model, packed, rows, bench)
            ours.append(speed)
            data.append(share)
            model.load_state_dict(start)
            theirs.append(trainer_speed(model, packed, rows, bench))
    size = sum(each.numel() for each in model.parameters())
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    print(
        f"{size:,} parameters, context {packed.tokens.shape[1]}, {bench.dtype}: "
        f"ours {median(ours):,.0f} tokens/s, Trainer {median(theirs):,.0f}, "
        f"ratio {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}); "
        f"data path {100 * median(data):.2f} % of a step"
        + _utilisation(model, packed, median(ours), bench)
    )


def _utilisation(model: LlamaForCausalLM, packed: Packed, speed: float, bench: Bench) -> str:
    peak = peak_flops(torch.cuda.get_device_name(), bench.dtype) if bench.device == "cuda" else None
    if peak is None:
        return ""
    return f"; MFU {speed * flops_per_token(model, packed.tokens.shape[1]) / peak:.1%}"


def our_speed(
    model: LlamaForCausalLM, packed: Packed, rows: np.ndarray, bench: Bench
) -> tuple[float, float]:
    """Return tokens a second, and the data path's share of the time, after a first step."""
    prepare_attention(model, "auto")
    training = Training(model, bench.num_steps + 1, 1e-3, "speed", bench.settings)
    training.advance(make_batch(packed.select(rows[0])))
    spent, started = 0.0, time.perf_counter()
    for chosen in rows[1:]:
        before = time.perf_counter()
        batch = make_batch(packed.select(chosen))
        spent += time.perf_counter() - before
        training.advance(batch)
    if bench.device == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    return rows[1:].size * packed.tokens.shape[1] / seconds, spent / seconds


class Timed(Trainer):
    """Knows when its second step began, and when its last one ended."""

    begun: float = 0.0
    num_done: int = 0

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        if self.num_done == 1:
            self.begun = time.perf_counter()
        self.num_done += 1
        return super().training_step(*args, **kwargs)


def trainer_speed(model: LlamaForCausalLM, packed: Packed, rows: np.ndarray, bench: Bench) -> float:
    """Return the Trainer's tokens a second; its first step is not timed."""
    on_cpu = bench.device == "cpu"
    if not on_cpu:
        model.set_attn_implementation("sdpa")

    def collate(chosen: Sequence[dict[str, int]]) -> dict[str, torch.Tensor]:
        part = packed.select(np.array([each["row"] for each in chosen]))
        batch = make_batch(part)
        labels = torch.from_numpy(np.where(part.scored, part.tokens, NOT_SCORED))
        mask = {"attention_mask": dense_mask(batch.segments, None)} if on_cpu else {}
        return {
            "input_ids": batch.tokens, "position_ids": batch.positions, "labels": labels, **mask
        }  # fmt: skip

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, max_steps=len(rows), per_device_train_batch_size=bench.batch_size,
            learning_rate=1e-3, lr_scheduler_type="cosine", optim="adamw_torch_fused",
            bf16=bench.dtype == "bfloat16", use_cpu=on_cpu, report_to=[], logging_strategy="no",
            save_strategy="no", disable_tqdm=True, remove_unused_columns=False,
            dataloader_pin_memory=False,
        )  # fmt: skip
        dataset: Any = [{"row": int(row)} for row in rows.ravel()]
        trainer = Timed(model, arguments, data_collator=collate, train_dataset=dataset)
        trainer.train()
        if not on_cpu:
            torch.cuda.synchronize()
        return rows[1:].size * packed.tokens.shape[1] / (time.perf_counter() - trainer.begun)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", nargs="+", choices=sorted(SHAPES), default=["tiny", "small"])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--threads", type=int, default=NUM_THREADS)
    given = parser.parse_args()
    main(given.shapes, given.device, given.dtype, given.threads)
