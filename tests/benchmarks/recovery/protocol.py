"""What is compared, fixed before anything is measured: mixture, arms, tasks, ratios, sizes, seeds.

Pure. Always true: `planned` gives every run once, the ones that the headline needs first, so that a
benchmark that is stopped early has whole comparisons.
"""

from dataclasses import astuple, dataclass
from typing import Literal

from pipeline.fingerprint import fingerprint

SHARES = {
    "code": 0.35, "legal": 0.18, "techdocs": 0.15, "encyclopedic": 0.12, "papers": 0.10,
    "books": 0.06, "forum": 0.04,
}  # fmt: skip
"""The base's training mixture, in bytes."""

PRIMARY_TASK = "word-problems"
TASKS = ("questions", PRIMARY_TASK, "novels")  # at growing distance from what the base knows
RATIOS = (0.01, 0.05, 0.1, 0.25)
HEADLINE = "estimated"
ORACLE, NONE = "oracle", "none"


@dataclass(frozen=True)
class Arm:
    """One way to fine-tune: what is replayed, if anything."""

    name: str
    title: str
    source: Literal["base", "same", "other", "unrelated", "samples", "nothing"]
    mixture: Literal["true", "estimated", "llama-1", "uniform", "wrong", "web", "own"] = "own"
    ratios: tuple[float, ...] = (0.05, 0.25)
    """Of the primary task."""
    wider: tuple[float, ...] = ()
    """Of the other tasks."""

    @property
    def is_control(self) -> bool:
        """Whether nothing is replayed."""
        return self.source == "nothing"


ARMS = (
    Arm(NONE, "no replay", "nothing", ratios=(0.0,), wider=(0.0,)),
    Arm(ORACLE, "the base's own training documents", "base", "true", RATIOS, (0.05, 0.25)),
    Arm(HEADLINE, "other sources, estimated mixture", "other", "estimated", RATIOS, (0.05, 0.25)),
    Arm("same-sources", "other documents, same sources", "same", "true", RATIOS, (0.05, 0.25)),
    Arm("true-mixture", "other sources, true mixture", "other", "true"),
    Arm("prior", "other sources, LLaMA-1's mixture", "other", "llama-1"),
    Arm("uniform", "other sources, uniform mixture", "other", "uniform", wider=(0.25,)),
    Arm("wrong", "other sources, shares the other way round", "other", "wrong", wider=(0.25,)),
    Arm("web", "web alone", "other", "web"),
    Arm("samples", "the base's own samples", "samples"),
    Arm("unrelated", "unrelated text (German laws)", "unrelated"),
    Arm("longer", "no replay, a third more task steps", "nothing", ratios=(0.0,)),
    Arm("low-rank", "no replay, LoRA of rank 8", "nothing", ratios=(0.0,)),
)
ARM = {arm.name: arm for arm in ARMS}


@dataclass(frozen=True)
class Size:
    """How large bases and runs are. Lengths in tokens, batches in sequences."""

    name: str
    base_bytes: int  # of text, read once by the base
    vocabulary_size: int
    hidden_size: int
    num_layers: int
    num_heads: int
    context: int
    base_batch: int
    base_rate: float
    steps: int
    batch_size: int
    rate: float
    heldout_rows: int  # a domain
    num_bases: int
    num_seeds: int
    anchor_tokens: int
    num_samples: int  # that the estimate reads, and that the arm of samples replays

    @property
    def digest(self) -> str:
        """Of all settings: results of other settings are never mixed in."""
        return fingerprint(astuple(self), SHARES)[:8]


CPU = Size(
    name="cpu", base_bytes=15_500_000, vocabulary_size=2_048, hidden_size=128, num_layers=4,
    num_heads=4, context=128, base_batch=32, base_rate=3e-3, steps=80, batch_size=16, rate=1e-3,
    heldout_rows=256, num_bases=2, num_seeds=3, anchor_tokens=600_000, num_samples=3_000,
)  # fmt: skip
TINY = Size(
    name="tiny", base_bytes=600_000, vocabulary_size=1_024, hidden_size=32, num_layers=1,
    num_heads=2, context=128, base_batch=16, base_rate=3e-3, steps=4, batch_size=4, rate=1e-3,
    heldout_rows=16, num_bases=2, num_seeds=2, anchor_tokens=60_000, num_samples=300,
)  # fmt: skip
SIZES = {size.name: size for size in (CPU, TINY)}


@dataclass(frozen=True)
class Run:
    """One fine-tune of one base."""

    base: int
    task: str
    arm: str
    ratio: float
    seed: int

    @property
    def name(self) -> str:
        """The name of its file of results."""
        return f"base{self.base}-{self.task}-{self.arm}-{self.ratio:g}-seed{self.seed}"


def planned(size: Size) -> list[Run]:
    """Return all runs: the primary task at 25 % and 5 %, then other ratios, then other tasks."""
    wanted = [(PRIMARY_TASK, arm, ratio) for arm in ARMS for ratio in arm.ratios]
    wanted.sort(key=lambda item: item[2] not in (0.0, 0.25, 0.05))  # stable
    wanted += [
        (task, a, r) for task in TASKS if task != PRIMARY_TASK for a in ARMS for r in a.wider
    ]
    return [
        Run(base, task, arm.name, ratio, seed)
        for task, arm, ratio in wanted
        for base in range(size.num_bases)
        for seed in range(size.num_seeds)
    ]
