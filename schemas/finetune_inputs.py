"""What a fine-tune is given: the base, the task, and the anchor where it is no build."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.base import Frozen

PositiveInt = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0)]


class FreshDecoder(Frozen):
    """A small Llama-shaped decoder, pre-trained briefly on one half of the build's shards."""

    kind: Literal["fresh"] = "fresh"
    vocabulary_size: Annotated[int, Field(ge=257)] = 2048
    """Of a byte-level BPE: the 256 bytes, one end token, and merges."""
    hidden_size: PositiveInt = 128
    num_layers: PositiveInt = 3
    num_heads: PositiveInt = 4
    steps: PositiveInt = 400
    batch_size: PositiveInt = 32
    """Sequences a step."""
    learning_rate: Rate = 3e-3

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.hidden_size % (2 * self.num_heads):  # rotary positions turn pairs of dimensions
            raise ValueError("hidden_size must be a multiple of 2 × num_heads")
        return self


class PretrainedDecoder(Frozen):
    """A Hugging Face causal language model in a local folder (safetensors, no remote code)."""

    kind: Literal["pretrained"]
    path: str


class HubDecoder(Frozen):
    """A causal language model of a hub, at one commit (safetensors, no remote code)."""

    kind: Literal["hub"]
    repo: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")]
    """As in owner/name; HF_ENDPOINT names another hub, HF_TOKEN is sent to it."""
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    """The commit, 40 hexadecimal digits (under "Files", "History" on the model's page): a branch
    could be another model tomorrow."""


Base = Annotated[FreshDecoder | PretrainedDecoder | HubDecoder, Field(discriminator="kind")]


class ParquetAnchor(Frozen):
    """Any Parquet files of text in place of a build."""

    parquet: Annotated[tuple[str, ...], Field(min_length=1)]
    """Files or globs."""
    text_field: str = "text"
    domain_field: str = "domain"
    """Where files have no such column, all is one domain, `all`."""
    license_field: str = "license"
    heldout_documents: PositiveInt = 100
    """Of each domain, never replayed; at most a tenth of it."""


class TaskSizes(Frozen):
    """How many examples of a task are used."""

    max_examples: PositiveInt = 4000
    num_heldout: PositiveInt = 200
    """Examples set aside to measure the task's loss; never more than a fifth."""


class DocstringsTask(TaskSizes):
    """The first docstring sentence of a function from its source, taken from the build's code."""

    kind: Literal["docstrings"]


class RecordsTask(TaskSizes):
    """Records of a file: chats, instructions, prompts with completions, or plain text."""

    kind: Literal["records"]
    path: str
    """JSONL, JSON or Parquet, also compressed."""
    format: Literal["auto", "messages", "sharegpt", "alpaca", "prompt_completion", "text"] = "auto"
    """`auto`: as the fields of the first record show. The loss is taken on the assistant's turns of
    a chat, on the answer to an instruction, on a completion, on all of a text."""
    messages_field: str = "messages"
    prompt_field: str = "prompt"
    completion_field: str = "completion"
    text_field: str = "text"
    chat_template: str | None = None
    """A Jinja file; default: the model's own."""


Task = Annotated[DocstringsTask | RecordsTask, Field(discriminator="kind")]
