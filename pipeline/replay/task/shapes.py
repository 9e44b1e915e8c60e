"""The usual shapes of a fine-tuning record, told apart and brought to one.

Pure: JSON values in; a conversation, or a prompt with its completion, out. Shapes: `messages` (role
and content), `sharegpt` (from and value), `alpaca` (instruction, input, output),
`prompt_completion` and `text`. Always true: a record that lacks what its shape needs gives a reason
instead, so every record is used or counted; all text is clean, as that of documents is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.records import clean_text
from schemas.finetune_inputs import RecordsTask

Shape = Literal["messages", "sharegpt", "alpaca", "prompt_completion", "text"]
Message = dict[str, str]  # role and content

ROLES = {
    "system": "system", "human": "user", "user": "user", "gpt": "assistant", "model": "assistant",
    "assistant": "assistant", "chatgpt": "assistant", "bard": "assistant",
}  # fmt: skip
NO_TEXT, NO_ANSWER, UNKNOWN_ROLE, NOT_TEXT = (
    "missing_field", "no_answer", "unknown_role", "content_that_is_no_text",
)  # fmt: skip


@dataclass(frozen=True)
class Conversation:
    """Messages in turn, at least one of them an assistant's."""

    messages: tuple[Message, ...]


@dataclass(frozen=True)
class Pair:
    """A prompt and what is to follow it; a text has no prompt."""

    prompt: str
    completion: str


class SkippedError(ValueError):
    """A record cannot be used; the text is the reason it is counted under."""


def shape_of(record: Mapping[str, Any], task: RecordsTask) -> Shape | None:
    """Return the shape that a record's fields show, or None."""
    if isinstance(record.get(task.messages_field), list):
        return "messages"
    if isinstance(record.get("conversations"), list):
        return "sharegpt"
    if "instruction" in record and "output" in record:
        return "alpaca"
    if task.prompt_field in record and task.completion_field in record:
        return "prompt_completion"
    return "text" if task.text_field in record else None


def read_shape(record: object, shape: Shape, task: RecordsTask) -> Conversation | Pair:
    """Bring a record to a conversation or a pair; raise SkippedError where it cannot be."""
    if not isinstance(record, Mapping):
        raise SkippedError(NO_TEXT)
    if shape == "messages":
        return _conversation(record.get(task.messages_field), "role", "content")
    if shape == "sharegpt":
        return _conversation(record.get("conversations"), "from", "value")
    if shape == "alpaca":
        given = record.get("input")
        parts = [
            _text(record.get("instruction")),
            clean_text(given) if isinstance(given, str) else "",
        ]
        asked = {"role": "user", "content": "\n\n".join(part for part in parts if part.strip())}
        answer = {"role": "assistant", "content": _text(record.get("output"))}
        return Conversation((asked, answer))
    if shape == "text":
        return Pair("", _text(record.get(task.text_field)))
    return _pair(record.get(task.prompt_field), record.get(task.completion_field))


def _pair(prompt: object, completion: object) -> Conversation | Pair:
    """Return a pair of texts, or of messages, which are one conversation."""
    if isinstance(prompt, list) and isinstance(completion, list):
        return _conversation([*prompt, *completion], "role", "content")
    return Pair(_text(prompt), _text(completion))


def _conversation(turns: object, role: str, content: str) -> Conversation:
    if not isinstance(turns, list) or not turns:
        raise SkippedError(NO_TEXT)
    messages = tuple(_message(turn, role, content) for turn in turns)
    if not any(map(is_answer, messages)):
        raise SkippedError(NO_ANSWER)
    return Conversation(messages)


def _message(turn: object, role: str, content: str) -> Message:
    if not isinstance(turn, Mapping):
        raise SkippedError(NO_TEXT)
    known = ROLES.get(str(turn.get(role)))
    if known is None:
        raise SkippedError(UNKNOWN_ROLE)
    said = turn.get(content)
    if isinstance(said, list):  # parts, as of images and text
        if not all(isinstance(part, Mapping) and part.get("type") == "text" for part in said):
            raise SkippedError(NOT_TEXT)
        said = "".join(str(part.get("text", "")) for part in said)
    if not isinstance(said, str):
        raise SkippedError(NO_TEXT)
    return {"role": known, "content": clean_text(said)}


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SkippedError(NO_TEXT)
    return clean_text(value)


def is_answer(message: Message) -> bool:
    """Whether a message is the assistant's and says something."""
    return message["role"] == "assistant" and bool(message["content"].strip())


def question_of(conversation: Conversation) -> str:
    """Return what identifies a conversation: the first that a user asks, else the system's text.

    What a system says before it, or a chat's greeting, makes no other question of it; nor do later
    turns, so that one that is a later turn of another chat is a question of its own.
    """
    said = [each for each in conversation.messages if each["content"].strip()]
    for role in ("user", "system"):
        for message in said:
            if message["role"] == role:
                return message["content"]
    return ""
