"""A small fine-tune's output made by hand: two arms, three domains, three seeds."""

import math
from pathlib import Path

from pipeline.output import file_entry
from schemas.finetune import (
    ArmFacts,
    Evaluation,
    FinetuneManifest,
    Forgetting,
    HeldoutFacts,
    TrainingPoint,
)

ARMS = {"replay 0": 0.0, "replay 0.05": 0.05, "replay 0.25": 0.25}
DOMAINS = ("code", "legal", "web", "techdocs", "task")
SEEDS = (0, 1, 2)
STEPS = (50, 100, 150, 200)


def make_finetune(folder: Path) -> Path:
    """Write the output folder of a fine-tune and return it."""
    output = folder / "finetune"
    output.mkdir(parents=True)
    weights = output / "model.safetensors"
    weights.write_bytes(b"not really weights")
    manifest = finetune_manifest().model_copy(update={"files": (file_entry(output, weights),)})
    (output / "manifest.json").write_text(manifest.model_dump_json())
    return output


def finetune_manifest() -> FinetuneManifest:
    """Return the manifest, without files."""
    return FinetuneManifest(
        name="small-finetune",
        config={},
        anchor_fingerprint="0" * 64,
        base={"num_parameters": 1_234_567, "steps": 400},
        task={"num_examples": 400, "skipped": {"too_long": 3}},
        versions={"torch": "2.11"},
        heldout={
            domain: HeldoutFacts(num_documents=2 if domain == "techdocs" else 50, num_tokens=5_000)
            for domain in DOMAINS[:-1]
        },
        arms=tuple(_facts(arm, fraction) for arm, fraction in ARMS.items()),
        evaluations=tuple(_evaluations()),
        forgetting=tuple(_forgetting()),
        training=tuple(_training()),
        files=(),
    )


def _rise(arm: str, domain: str, step: int) -> float:
    """Return how far a loss has moved from the base's: up on domains, down on the task."""
    if domain == "task":
        return -1.5 * (1 - math.exp(-step / 60))
    height = 0.2 + 0.2 * DOMAINS.index(domain)
    return height * (1 - math.exp(-step / 80)) / (1 + 12 * ARMS[arm])


def _evaluations() -> list[Evaluation]:
    rows = []
    for seed in SEEDS:
        for domain in DOMAINS:
            start = 3.2 + 0.3 * DOMAINS.index(domain)
            rows.append(_evaluation("base", seed, 0, domain, start))
            for arm in ARMS:
                for step in STEPS:
                    loss = start + _rise(arm, domain, step) + 0.01 * seed
                    rows.append(_evaluation(arm, seed, step, domain, loss))
    return rows


def _evaluation(arm: str, seed: int, step: int, domain: str, loss: float) -> Evaluation:
    return Evaluation(
        arm=arm, seed=seed, step=step, domain=domain, nats_per_token=loss, bits_per_byte=loss / 3
    )


def _forgetting() -> list[Forgetting]:
    rows = []
    for arm in ARMS:
        rises = {domain: _rise(arm, domain, STEPS[-1]) for domain in DOMAINS}
        rises["mean"] = sum(rises[name] for name in DOMAINS[:-1]) / (len(DOMAINS) - 1)
        for domain, rise in rises.items():
            low, high = rise - 0.03, rise + 0.03
            per_seed = (rise - 0.01, rise, rise + 0.01)
            rows.append(
                Forgetting(arm=arm, domain=domain, mean=rise, low=low, high=high, per_seed=per_seed)
            )
    return rows


def _training() -> list[TrainingPoint]:
    return [
        TrainingPoint(
            arm=arm,
            seed=seed,
            step=step,
            task_loss=4 * math.exp(-step / 70) + 1,
            anchor_loss=3.4 + 0.1 * math.exp(-step / 70) if fraction else None,
            tokens_per_second=20_000.0,
        )
        for arm, fraction in ARMS.items()
        for seed in SEEDS
        for step in STEPS
    ]


def _facts(arm: str, fraction: float) -> ArmFacts:
    task = 400_000
    anchor = round(task * fraction / (1 - fraction))
    return ArmFacts(
        arm=arm,
        requested_replay_fraction=fraction,
        achieved_replay_fraction=anchor / (task + anchor),
        num_task_tokens=task,
        num_anchor_tokens=anchor,
        num_anchor_tokens_by_domain={"code": anchor // 2, "legal": anchor // 2} if anchor else {},
        num_unique_anchor_tokens=anchor,
    )
