"""A chat template: messages to the text that the model was taught to see, answers marked.

Reads `chat_template.jinja` or `tokenizer_config.json` of a model's folder, or the file that the
task names. Always true: a template runs in Jinja's sandbox and reads no file; an answer's span
begins where the template marks it, or after the prompt that the model would be given, and ends with
the turn, its end-of-turn included; the date that some templates print is a fixed one, so the same
chats give the same text.
"""

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Template as Compiled
from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pipeline.errors import InputError
from pipeline.replay.task.shapes import Message, is_answer

TEMPLATE_FILE, CONFIG_FILE = "chat_template.jinja", "tokenizer_config.json"
DATE = datetime.datetime(2024, 7, 26, tzinfo=datetime.UTC)
MARK = "\ud800"  # where an answer begins: half a surrogate pair, which no clean message holds
Span = tuple[int, int]  # of characters


class _Generation(Extension):
    """The tag around answers in some templates, as transformers has it: leaves a mark."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        line = next(parser.stream).lineno
        mark = nodes.Output([nodes.TemplateData(MARK, lineno=line)], lineno=line)
        return [mark, *parser.parse_statements(("name:endgeneration",), drop_needle=True)]


class _Text(NamedTuple):
    text: str
    marks: tuple[int, ...]  # places


@dataclass(frozen=True)
class Rendered:
    """The text of a chat, or of its first turns, and the spans of answers in it."""

    text: str
    answers: tuple[Span, ...]


@dataclass(frozen=True)
class ChatTemplate:
    """A template with the model's own special tokens."""

    source: str
    tokens: dict[str, str]  # bos_token, eos_token, …

    def render(self, messages: Sequence[Message]) -> list[Rendered]:
        """Return a chat's text with the spans of all its answers, or a text for each answer.

        Some templates cut or change earlier answers. Then each answer has the text up to it, which
        is what the model sees when it answers. An answer whose span cannot be told is left out.
        Raises ValueError where the template refuses the messages.
        """
        whole = self._text(messages, is_prompt=False).text
        ends = [place + 1 for place, message in enumerate(messages) if is_answer(message)]
        each = [found for end in ends if (found := self._last_answer(messages[:end]))]
        if each and all(whole.startswith(found.text) for found in each):
            return [Rendered(whole, tuple(span for found in each for span in found.answers))]
        return each

    def _last_answer(self, messages: Sequence[Message]) -> Rendered | None:
        """Return the text of messages that end with an answer, and its span; None if untold."""
        answered = self._unless_refused(messages, is_prompt=False)
        prompt = self._unless_refused(messages[:-1], is_prompt=True)
        if answered is None:
            return None
        marks = answered.marks[-1:] if prompt is None else answered.marks[len(prompt.marks) :]
        if marks:
            start = marks[0]
        elif prompt is not None and answered.text.startswith(prompt.text):
            start = len(prompt.text)
        else:
            return None
        end = len(answered.text)
        return Rendered(answered.text, ((start, end),)) if start < end else None

    def _unless_refused(self, messages: Sequence[Message], is_prompt: bool) -> _Text | None:
        """Return the text, or None: a template may take a chat, and not its first turns alone."""
        try:
            return self._text(messages, is_prompt)
        except ValueError:
            return None

    def _text(self, messages: Sequence[Message], is_prompt: bool) -> _Text:
        try:
            rendered = _compiled(self.source).render(
                messages=list(messages), add_generation_prompt=is_prompt, tools=None, **self.tokens
            )
        except Exception as error:  # whatever a template's own arithmetic raises
            raise ValueError(str(error)) from error
        parts = rendered.split(MARK)
        return _Text("".join(parts), tuple(accumulate(len(part) for part in parts[:-1])))


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
    except Exception as error:  # Python's own, for what is nested too deeply
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


@cache  # compiling takes a hundred times as long as rendering
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
