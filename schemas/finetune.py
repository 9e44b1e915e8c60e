"""A fine-tune: what is asked for (FinetuneConfig) and what was measured (FinetuneManifest).

The config is read from YAML by `pipeline.config`; relative paths are relative to its folder.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.manifest import FileEntry
from schemas.recipe import Frozen, Name

PositiveInt = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0)]


class FreshDecoder(Frozen):
    """A small Llama-shaped decoder, pre-trained briefly on one half of the build's shards."""

    kind: Literal["fresh"] = "fresh"
    vocabulary_size: PositiveInt = 2048
    hidden_size: PositiveInt = 128
    num_layers: PositiveInt = 3
    num_heads: PositiveInt = 4
    steps: PositiveInt = 400
    learning_rate: Rate = 3e-3


class PretrainedDecoder(Frozen):
    """A Hugging Face causal language model in a local folder (safetensors, no remote code)."""

    kind: Literal["pretrained"]
    path: str


class Task(Frozen):
    """What the model is fine-tuned on."""

    kind: Literal["docstrings", "jsonl"]
    """`docstrings`: the first docstring sentence of a function from its source, taken from the
    build's code; `jsonl`: prompt and completion fields of a file."""
    path: str | None = None
    prompt_field: str = "prompt"
    completion_field: str = "completion"
    max_examples: PositiveInt = 4000
    num_heldout: PositiveInt = 200


class FinetuneConfig(Frozen):
    """Replay fine-tuning with forgetting measured per domain."""

    name: Name
    build: str
    """The output folder of a build."""
    base: Annotated[FreshDecoder | PretrainedDecoder, Field(discriminator="kind")] = FreshDecoder()
    task: Task
    replay_fractions: tuple[Annotated[float, Field(ge=0, lt=1)], ...] = (0.0, 0.25)
    """One arm each: the anchor's share of the loss-bearing tokens."""
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0, 1, 2)
    steps: PositiveInt = 200
    """Of task tokens: every arm sees the same number of task sequences a step."""
    batch_size: PositiveInt = 16
    """Task sequences a step; replayed sequences come on top."""
    context: PositiveInt = 128
    learning_rate: Rate = 1e-3
    evaluate_every: PositiveInt = 50
    heldout_sequences: PositiveInt = 64
    """Per domain."""
    threads: PositiveInt | None = None


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
    low: float
    high: float
    """A 95 % interval over seeds (Student's t)."""
    per_seed: tuple[float, ...]


class TrainingPoint(Frozen):
    """Training loss of one arm and seed at one step, per stream."""

    arm: str
    seed: int
    step: int
    task_loss: float
    anchor_loss: float | None
    tokens_per_second: float


class ArmFacts(Frozen):
    """What an arm did, measured from its batches."""

    arm: str
    requested_replay_fraction: float
    achieved_replay_fraction: float
    num_task_tokens: int
    num_anchor_tokens: int
    num_anchor_tokens_by_domain: dict[str, int]
    num_unique_anchor_tokens: int


class FinetuneManifest(Frozen):
    """The measured result of a fine-tune, written last."""

    format_version: Literal[1] = 1
    kind: Literal["finetune"] = "finetune"
    name: str
    config: dict[str, Any]
    build_fingerprint: str
    base: dict[str, Any]
    """Parameters, vocabulary, pre-training tokens and steps, its held-out loss."""
    versions: dict[str, str]
    arms: tuple[ArmFacts, ...]
    evaluations: tuple[Evaluation, ...]
    forgetting: tuple[Forgetting, ...]
    training: tuple[TrainingPoint, ...]
    files: tuple[FileEntry, ...]
