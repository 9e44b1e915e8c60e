"""A fine-tune: what is asked for (FinetuneConfig) and what was measured (FinetuneManifest).

The config is read from YAML by `pipeline.config`; relative paths are relative to its folder.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from schemas.base import Frozen, Name
from schemas.finetune_inputs import Base, FreshDecoder, ParquetAnchor, PositiveInt, Rate, Task
from schemas.manifest import FileEntry
from schemas.training import TrainingSettings

MIN_HELDOUT_DOCUMENTS = 10
Fractions = Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], ...], Field(min_length=1)]


class FinetuneConfig(Frozen):
    """Replay fine-tuning with forgetting measured per domain."""

    name: Name
    anchor: str | ParquetAnchor
    """What is replayed: the output folder of a build, or Parquet files."""
    base: Base = FreshDecoder()
    task: Task
    replay_fractions: Literal["auto"] | Fractions = (0.0, 0.25)
    """One arm each: the anchor's share of the loss-bearing tokens. `auto`: the smallest share that
    keeps to the forgetting_budget, as short probes predict."""
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0, 1, 2)
    """Of the order of data. Intervals need two; every arm runs once with each."""
    steps: PositiveInt = 200
    """Of task tokens: every arm sees the same number of task sequences a step."""
    batch_size: PositiveInt = 16
    """Task sequences a step; replayed sequences come on top."""
    context: PositiveInt = 128
    learning_rate: Rate = 1e-3
    forgetting_budget: Rate | None = None
    """In nats per token, mean over domains: what a run may have forgotten when it is measured."""
    over_budget: Literal["stop", "raise"] = "stop"
    """What a run does that has forgotten more: stop there, or replay twice the share from there on,
    up to a half of the tokens, and stop only if that is not enough."""
    evaluate_every: PositiveInt = 50
    heldout_sequences: PositiveInt = 64
    """Per domain."""
    training: TrainingSettings = TrainingSettings()
    """Schedule, memory, numbers, adapters and checkpoints."""
    threads: PositiveInt | None = None
    """Of the processor; default: one a core. Sums differ in their last bits between numbers."""

    @property
    def given_fractions(self) -> tuple[float, ...]:
        """The shares that are asked for; none with `auto`."""
        return () if self.replay_fractions == "auto" else self.replay_fractions

    @model_validator(mode="after")
    def _no_repetition(self) -> Self:
        for key, values in (("replay_fractions", self.given_fractions), ("seeds", self.seeds)):
            if len(set(values)) != len(values):
                raise ValueError(f"{key}: the same value is given twice")
        return self

    @model_validator(mode="after")
    def _auto_has_a_budget(self) -> Self:
        if self.replay_fractions == "auto" and self.forgetting_budget is None:
            raise ValueError("replay_fractions: auto needs a forgetting_budget to keep to")
        return self


class Evaluation(Frozen):
    """Held-out loss of one arm at one step on one domain (or on "task")."""

    arm: str
    """Such as `replay 0.25`; `base` before fine-tuning."""
    seed: int
    step: int
    domain: str
    nats_per_token: float
    bits_per_byte: float


class Forgetting(Frozen):
    """Rise of held-out loss over the base, in nats per token, mean over seeds with interval."""

    arm: str
    domain: str
    """A domain, "mean" (unweighted over domains) or "task" (negative: it was learnt)."""
    mean: float
    low: float | None
    high: float | None
    """A 95 % interval over seeds (Student's t); null where there is only one seed."""
    per_seed: tuple[float, ...]


class TrainingPoint(Frozen):
    """Training loss of one arm and seed, per stream: the mean since the point before."""

    arm: str
    seed: int
    step: int
    task_loss: float
    anchor_loss: float | None
    tokens_per_second: float


class HeldoutFacts(Frozen):
    """What the loss of one domain was measured on."""

    num_documents: int
    """Of the build, held out in this domain."""
    num_tokens: int
    """Loss-bearing ones, in the sequences that were chosen."""


class ArmFacts(Frozen):
    """What an arm did, counted from its batches. Tokens are loss-bearing, summed over seeds."""

    arm: str
    requested_replay_fraction: float
    achieved_replay_fraction: float
    num_task_tokens: int
    num_anchor_tokens: int
    num_anchor_tokens_by_domain: dict[str, int]
    num_unique_anchor_tokens: int
    """In anchor sequences that at least one seed saw, each counted once."""
    stopped_at: dict[int, int] = {}
    """The last step by seed, where the forgetting budget was spent before the end."""
    raised: dict[int, tuple[tuple[int, float], ...]] = {}
    """By seed: steps after which another share was replayed, to keep to the budget, and which."""


class ProbePoint(Frozen):
    """What a probe measured: nats per token over the base, mean over domains."""

    num_task_tokens: int
    fraction: float
    rise: float


class Recommendation(Frozen):
    """The share of replay that probes recommend for a budget, and what is predicted of it."""

    fraction: float
    budget: float
    predicted: float
    """Forgetting at the run's end, in nats per token, mean over domains."""
    predicted_without: float | None = None
    """The same without replay."""
    spread: float | None = None
    """How far probes lie from the law, as a factor."""
    law: dict[str, float] = {}
    """K, beta, B and alpha of K D^beta / (1 + B p)^alpha (`pipeline.replay.law`)."""
    probes: tuple[ProbePoint, ...]


class FinetuneManifest(Frozen):
    """The measured result of a fine-tune, written last."""

    format_version: Literal[1] = 1
    kind: Literal["finetune"] = "finetune"
    name: str
    config: dict[str, Any]
    anchor_fingerprint: str
    """Of the build, or of the files that were replayed."""
    base: dict[str, Any]
    """Parameters, vocabulary, pre-training tokens and steps."""
    task: dict[str, Any] = {}
    """Examples for training and held out, their tokens, and records skipped by reason."""
    versions: dict[str, str]
    heldout: dict[str, HeldoutFacts] = {}
    """By domain."""
    recommendation: Recommendation | None = None
    """With `replay_fractions: auto`."""
    arms: tuple[ArmFacts, ...]
    evaluations: tuple[Evaluation, ...]
    forgetting: tuple[Forgetting, ...]
    training: tuple[TrainingPoint, ...]
    files: tuple[FileEntry, ...]

    @property
    def thinly_measured(self) -> dict[str, int]:
        """Domains of so few held-out documents that their figures speak of these alone."""
        return {
            domain: facts.num_documents
            for domain, facts in self.heldout.items()
            if facts.num_documents < MIN_HELDOUT_DOCUMENTS
        }
