"""Configuration from YAML, with errors that name file, line and key.

Reads recipes, mixtures and fine-tune files. YAML is read by the safe loader only; a key given
twice is an error. Overrides (`--set sample.tokens=1e6`) are applied before validation.
"""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.errors import ConfigError

M = TypeVar("M", bound=BaseModel)
Location = tuple[int | str, ...]


def load_config(path: Path, model: type[M], overrides: Sequence[str] = ()) -> M:
    """Read and validate a YAML file; `overrides` are `dotted.key=value` with YAML values.

    Raises ConfigError for a missing file, YAML that does not parse, or a field that is wrong.
    """
    text = _read_text(path)
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error
    if tree is None or not isinstance(data, dict):
        raise ConfigError(f"{path}: expected keys and values at the top, found none")
    _refuse_duplicate_keys(path, tree)
    for override in overrides:
        _apply_override(data, override)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError(_explain(path, tree, error, model)) from error


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: is a folder; give a YAML file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 (byte {error.start})") from None


def _refuse_duplicate_keys(path: Path, node: yaml.Node) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise ConfigError(f"{path}:{line}: key {key.value!r} is given twice; keep one")
            seen.add(key.value)
            _refuse_duplicate_keys(path, value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_duplicate_keys(path, item)


def _apply_override(data: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise ConfigError(f"--set {override}: expected key=value, as in sample.tokens=1000000")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"--set {override}: the value is not valid YAML") from None
    *parents, last = key.split(".")
    target: Any = data
    for step in parents:
        target = _descend(target, step, override)
    if isinstance(target, list):
        target[_list_index(target, last, override)] = value
    else:
        target[last] = value


def _descend(target: Any, step: str, override: str) -> Any:
    if isinstance(target, list):
        child = target[_list_index(target, step, override)]
    else:
        child = target.setdefault(step, {})
    if not isinstance(child, dict | list):
        raise ConfigError(f"--set {override}: {step!r} is a value; it has no keys below it")
    return child


def _list_index(target: list[Any], step: str, override: str) -> int:
    """Return the position of a list's item: by number, or by the item's `name`."""
    for index, item in enumerate(target):
        if step == str(index) or (isinstance(item, dict) and item.get("name") == step):
            return index
    raise ConfigError(f"--set {override}: the list has no item {step!r}")


def _explain(path: Path, tree: yaml.Node, error: ValidationError, model: type[BaseModel]) -> str:
    lines = [_explain_one(path, tree, detail, model) for detail in error.errors()]
    return "\n".join(dict.fromkeys(lines))


def _explain_one(path: Path, tree: yaml.Node, detail: ErrorDetails, model: type[BaseModel]) -> str:
    location, line = _locate(tree, detail["loc"])
    place = f"{path}:{line}" if line else str(path)
    key = ".".join(str(part) for part in location) or "(top level)"
    if detail["type"] == "extra_forbidden":
        return f"{place}: {key}: unknown key{_suggest(str(location[-1]), _all_keys(model))}"
    if detail["type"] == "missing":
        return f"{place}: {key}: missing; this key is required"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{place}: {key}: {message}{_shown(detail['input'])}"


def _shown(value: Any) -> str:
    if value is None or isinstance(value, str | int | float | bool):
        return f" (found {value!r})"
    return ""


def _locate(tree: yaml.Node, loc: Location) -> tuple[Location, int | None]:
    """Return the location without union tags that YAML does not know, and the nearest line."""
    node, line, kept = tree, None, []
    for position, part in enumerate(loc):
        child = _child(node, part)
        if child is None:
            if position == len(loc) - 1 or isinstance(part, int):
                kept.append(part)
            continue
        kept.append(part)
        line, node = child
    return tuple(kept), line


def _child(node: yaml.Node, part: int | str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None


def _all_keys(model: type[BaseModel]) -> set[str]:
    """Return every key that the model or a model inside it knows."""
    keys: set[str] = set()
    schema = model.model_json_schema()
    for definition in (schema, *schema.get("$defs", {}).values()):
        keys.update(definition.get("properties", {}))
    return keys


def _suggest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else "; remove it"
