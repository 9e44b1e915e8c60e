"""A chat template: messages to the text that the model was taught to see, answers marked.

Reads `chat_template.jinja` or `tokenizer_config.json` of a model's folder, or the file that the
task names. Always true: a template runs in Jinja's sandbox and reads no file; an answer's span is
what the template adds for it after the prompt that the model would be given, its end-of-turn
included; the date that some templates print is a fixed one, so the same chats give the same text.
"""

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Template as Compiled
from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pipeline.errors import InputError
from pipeline.replay.task.shapes import Message

TEMPLATE_FILE, CONFIG_FILE = "chat_template.jinja", "tokenizer_config.json"
DATE = datetime.datetime(2024, 7, 26, tzinfo=datetime.UTC)
Span = tuple[int, int]  # of characters


class _Generation(Extension):
    """The tag that marks answers in some templates: here it changes nothing."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@dataclass(frozen=True)
class ChatTemplate:
    """A template with the model's own special tokens."""

    source: str
    tokens: dict[str, str]  # bos_token, eos_token, …

    def render(self, messages: Sequence[Message]) -> tuple[str, tuple[Span, ...]]:
        """Return the text of a chat and the spans of its answers that can be told.

        Raises ValueError where the template refuses the messages.
        """
        text = self._text(messages, is_prompt=False)
        spans = []
        for place, message in enumerate(messages):
            if message["role"] == "assistant":
                prompt = self._text(messages[:place], is_prompt=True)
                answered = self._text(messages[: place + 1], is_prompt=False)
                if answered.startswith(prompt) and text.startswith(answered):
                    spans.append((len(prompt), len(answered)))
        return text, tuple(span for span in spans if span[0] < span[1])

    def _text(self, messages: Sequence[Message], is_prompt: bool) -> str:
        try:
            return _compiled(self.source).render(
                messages=list(messages), add_generation_prompt=is_prompt, tools=None, **self.tokens
            )
        except (TemplateError, TypeError) as error:
            raise ValueError(str(error)) from error


def find_template(folder: Path, given: Path | None) -> ChatTemplate | None:
    """Return the template of the task or of the model's folder, or None where there is none.

    Raises InputError where a template cannot be read.
    """
    config = _read_config(folder / CONFIG_FILE)
    source = _read_source(folder, config, given)
    if source is None:
        return None
    tokens = {
        name: str(value["content"] if isinstance(value, dict) else value)
        for name, value in config.items()
        if name.endswith("_token") and isinstance(value, str | dict)
    }
    try:
        _compiled(source)
    except TemplateError as error:
        raise InputError(f"{given or folder}: not a chat template: {error}") from error
    return ChatTemplate(source, tokens)


def _read_source(folder: Path, config: dict[str, Any], given: Path | None) -> str | None:
    path = given or folder / TEMPLATE_FILE
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if given is not None:
            raise InputError(f"{given}: no such file; correct task.chat_template") from None
    source = config.get("chat_template")
    if isinstance(source, list):  # several, by name
        named = {each.get("name"): each.get("template") for each in source}
        source = named.get("default")
    return source if isinstance(source, str) else None


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from error
    return config if isinstance(config, dict) else {}


def _compiled(source: str) -> Compiled:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.loopcontrols", _Generation],
    )
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = DATE.strftime
    environment.filters["tojson"] = _to_json
    return environment.from_string(source)


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)
