"""What is compared, fixed before anything is measured: mixture, arms, tasks, ratios, sizes, seeds.

Pure. Always true: `planned` gives every run once, the ones that the headline needs first, so that a
benchmark that is stopped early has whole comparisons.
"""

from dataclasses import astuple, dataclass
from typing import Literal

from pipeline.fingerprint import fingerprint
from schemas.training import LowRank, TrainingSettings

SHARES = {
    "code": 0.35, "legal": 0.18, "techdocs": 0.15, "encyclopedic": 0.12, "papers": 0.10,
    "books": 0.06, "forum": 0.04,
}  # fmt: skip
"""The base's training mixture, in bytes."""

PRIMARY_TASK = "word-problems"
TASKS = ("questions", PRIMARY_TASK, "novels")  # at growing distance from what the base knows
RATIOS = (0.01, 0.05, 0.1, 0.25)
HEADLINE = "estimated"
ORACLE, NONE, DISTILLED_ORACLE = "oracle", "none", "oracle-distilled"
EPOCHS = 4  # of the over-trained base, on as much less text
LONGER = 4 / 3  # of the steps: as many tokens as with 25 % replay
RECALL_STEPS = 10
SETTINGS = TrainingSettings(dtype="bfloat16")  # of bases and runs
LORA = LowRank(rank=8, alpha=16)
VERSION = 4  # raise it when the same settings give other results


Loss = Literal["text", "base"]


@dataclass(frozen=True)
class Arm:
    """One way to fine-tune: what is replayed, if anything, and what it is trained towards."""

    name: str
    title: str
    source: Literal["base", "same", "other", "unrelated", "samples", "nothing"]
    mixture: Literal["true", "estimated", "llama-1", "uniform", "wrong", "web", "own"] = "own"
    loss: Loss = "text"
    """On the replayed text: its own loss, or the divergence from the base's predictions."""
    ratios: tuple[float, ...] = (0.25,)
    """Of the primary task."""
    wider: tuple[float, ...] = ()
    """Of the other tasks."""

    @property
    def is_control(self) -> bool:
        """Whether nothing is replayed."""
        return self.source == "nothing"

    @property
    def anchor(self) -> str:
        """The name of what is replayed: arms that differ in the loss alone share it."""
        return f"{self.source}-{self.mixture}"


BOTH = (0.05, 0.25)
ARMS = (
    Arm(NONE, "no replay", "nothing", ratios=(0.0,), wider=(0.0,)),
    Arm(ORACLE, "the base's own training documents", "base", "true", "text", RATIOS, (0.25,)),
    Arm(HEADLINE, "other sources, estimated mixture, distilled", "other", "estimated", "base",
        RATIOS, (0.25,)),
    Arm("estimated-text", "other sources, estimated mixture", "other", "estimated", "text",
        BOTH, (0.25,)),
    Arm(DISTILLED_ORACLE, "the base's own training documents, distilled", "base", "true", "base",
        BOTH, (0.25,)),
    Arm("same", "other documents, same sources", "same", "true"),
    Arm("true", "other sources, true mixture, distilled", "other", "true", "base"),
    Arm("uniform", "other sources, uniform mixture, distilled", "other", "uniform", "base", BOTH),
    Arm("wrong", "other sources, shares the other way round, distilled", "other", "wrong", "base"),
    Arm("prior", "other sources, LLaMA-1's mixture, distilled", "other", "llama-1", "base"),
    Arm("web", "web alone, distilled", "other", "web", "base", BOTH),
    Arm("unrelated", "unrelated text (German laws), distilled", "unrelated", loss="base"),
    Arm("samples", "the base's own samples", "samples", ratios=BOTH),
    Arm("longer", "no replay, a third more task steps", "nothing", ratios=(0.0,)),
    Arm("recalled", "no replay, then ten steps on unrelated text", "nothing", ratios=(0.0,)),
    Arm("low-rank", "no replay, LoRA of rank 8", "nothing", ratios=(0.0,)),
    Arm("true-text", "other sources, true mixture", "other", "true"),
    Arm("uniform-text", "other sources, uniform mixture", "other", "uniform"),
    Arm("web-text", "web alone", "other", "web"),
    Arm("unrelated-text", "unrelated text (German laws)", "unrelated"),
)  # fmt: skip
ARM = {arm.name: arm for arm in ARMS}
FIRST = (NONE, ORACLE, HEADLINE, "estimated-text", DISTILLED_ORACLE)  # what the headline rests on


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
    def over_trained(self) -> int:
        """The number of the base that read a part of the text again and again, for contrast."""
        return self.num_bases

    @property
    def bases(self) -> range:
        """All bases, the over-trained one last."""
        return range(self.num_bases + 1)

    def epochs(self, base: int) -> int:
        """Return how often a base reads its text; the more often, the less text it has."""
        return EPOCHS if base == self.over_trained else 1

    @property
    def digest(self) -> str:
        """Of all settings: results of other settings are never mixed in."""
        trained = (EPOCHS, LONGER, RECALL_STEPS, SETTINGS, LORA)
        return fingerprint(astuple(self), SHARES, trained, VERSION)[:8]


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
    """Return all runs: the headline's at 25 %, then all others with one seed after another.

    The over-trained base comes last, with the headline's alone.
    """
    cells = [(PRIMARY_TASK, arm, ratio) for arm in ARMS for ratio in arm.ratios]
    cells += [(t, arm, r) for t in TASKS if t != PRIMARY_TASK for arm in ARMS for r in arm.wider]
    runs = [
        Run(base, task, arm.name, ratio, seed)
        for seed in range(size.num_seeds)
        for task, arm, ratio in cells
        for base in range(size.num_bases)
    ]

    def is_later(run: Run) -> bool:
        return (
            run.arm not in FIRST or run.task != PRIMARY_TASK or run.ratio not in {0.0, max(RATIOS)}
        )

    ratios = {name: 0.0 if ARM[name].is_control else max(RATIOS) for name in FIRST}
    contrast = [
        Run(size.over_trained, PRIMARY_TASK, name, ratios[name], seed)
        for seed in range(size.num_seeds)
        for name in FIRST
    ]
    return sorted(runs, key=is_later) + contrast  # stable
