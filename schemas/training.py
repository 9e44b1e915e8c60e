"""How the training step works: what of a fine-tune's settings is not about its data."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.base import Frozen

PositiveInt = Annotated[int, Field(gt=0)]
Part = Annotated[float, Field(ge=0, le=1)]


class LowRank(Frozen):
    """Train matrices of low rank beside frozen weights (LoRA; Hu et al. 2021, arXiv 2106.09685)."""

    rank: PositiveInt = 16
    alpha: Annotated[float, Field(gt=0)] = 32.0
    """What the matrices add is scaled by alpha / rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    targets: tuple[str, ...] = ()
    """Names of layers, as in q_proj; default: all linear layers but the output's."""
    quantize: Literal["none", "nf4"] = "none"
    """`nf4`: the frozen weights in 4 bits (QLoRA; Dettmers et al. 2023, arXiv 2305.14314); needs
    bitsandbytes (`pip install 'anchor-corpus[qlora]'`)."""


class TrainingSettings(Frozen):
    """The optimiser's schedule, memory, numbers and checkpoints."""

    schedule: Literal["cosine", "wsd", "constant"] = "cosine"
    """Of the learning rate after its warm-up: a half cosine; its peak and then a straight fall at
    the end (warm-up, stable, decay); or its peak throughout."""
    warmup_fraction: Part = 0.05
    """Of the steps: the rate rises from 0 again, as after a pause in training."""
    decay_fraction: Part = 0.2
    """Of the steps, at their end: where `wsd` falls."""
    final_fraction: Part = 0.1
    """Of the peak rate: where cosine and wsd end."""
    micro_batch: PositiveInt | None = None
    """Sequences that go through the model at once; gradients of a step's are summed. Default: all.
    Takes less memory, and changes results by rounding alone."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of activations and products; weights and their updates are in 32 bits."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    activation_checkpointing: bool = False
    """Compute activations again instead of keeping them: less memory, a third more time."""
    attention: Literal["auto", "flex", "dense"] = "auto"
    """How documents that are packed together are kept apart: `flex` skips what is not seen, on a
    GPU; `dense` masks it; `auto`: flex where there is a GPU and attention has no dropout."""
    compile: bool = False
    """Compile the model with torch.compile; the first step takes minutes."""
    checkpoint_every: PositiveInt = 200
    """Steps after which a run that is killed can go on."""
    tensorboard: bool = False
    """Log to OUTPUT.logs/ for TensorBoard while it trains."""
    replay_loss: Literal["distillation", "cross_entropy"] = "distillation"
    """On the anchor: how far predictions are from the base's own, or the text's loss. The first
    forgets less, by half where the anchor's sources are not the base's. It takes another forward
    pass of what is replayed and, without adapters, memory for the base's weights."""
    low_rank: LowRank | None = None
    """Default: all weights are trained."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.schedule == "wsd" and self.warmup_fraction + self.decay_fraction > 1:
            raise ValueError("warmup_fraction and decay_fraction are more than 1 together")
        return self
