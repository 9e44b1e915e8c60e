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


class FinetuneConfig(Frozen):
    """Replay fine-tuning with forgetting measured per domain."""

    name: Name
    anchor: str | ParquetAnchor
    """What is replayed: the output folder of a build, or Parquet files."""
    base: Base = FreshDecoder()
    task: Task
    replay_fractions: Annotated[
        tuple[Annotated[float, Field(ge=0, lt=1)], ...], Field(min_length=1)
    ] = (0.0, 0.25)
    """One arm each: the anchor's share of the loss-bearing tokens."""
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0, 1, 2)
    """Of the order of data. Intervals need two; every arm runs once with each."""
    steps: PositiveInt = 200
    """Of task tokens: every arm sees the same number of task sequences a step."""
    batch_size: PositiveInt = 16
    """Task sequences a step; replayed sequences come on top."""
    context: PositiveInt = 128
    learning_rate: Rate = 1e-3
    forgetting_budget: Rate | None = None
    """In nats per token, mean over domains: a run that has forgotten more when it is measured stops
    there."""
    evaluate_every: PositiveInt = 50
    heldout_sequences: PositiveInt = 64
    """Per domain."""
    training: TrainingSettings = TrainingSettings()
    """Schedule, memory, numbers, adapters and checkpoints."""
    threads: PositiveInt | None = None
    """Of the processor; default: one a core. Sums differ in their last bits between numbers."""

    @model_validator(mode="after")
    def _no_repetition(self) -> Self:
        for key, values in (("replay_fractions", self.replay_fractions), ("seeds", self.seeds)):
            if len(set(values)) != len(values):
                raise ValueError(f"{key}: the same value is given twice")
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
