"""Which files of a dataset repository make up a configuration and a split.

Reads the names of a repository's files and what its card says of them; writes nothing. The rules
are those of the `datasets` library, which is asked: it searches the names alone, as files without
content, so nothing is opened, downloaded or run, and what a card names elsewhere is refused.
"""

from collections.abc import Mapping, Sequence
from glob import has_magic
from pathlib import PurePosixPath
from typing import Any

from pipeline.acquire.hub.named_files import shown
from pipeline.compression import strip_compression
from pipeline.errors import InputError

READABLE = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt", ".xml", ".warc")
"""Suffixes, below those of compression, of files that may be a dataset's documents."""
NO_DATA = ("config.json", "dataset_dict.json", "dataset_info.json", "dataset_infos.json")
"""What says something of data."""
DEFAULT = "default"
"""What a dataset's only configuration is called where its card names none."""

Splits = dict[str, list[str]]


def split_files(
    names: Sequence[str], card: Mapping[str, Any], config: str | None, split: str
) -> list[str]:
    """Return the names of the files of a split, sorted; `card`: the header of README.md.

    Raises InputError where there is no such configuration or split, and names those there are.
    """
    readable = [name for name in names if _is_readable(name)]
    if not readable:
        raise InputError(_nothing_readable(names))
    try:
        chosen = _chosen_config(card, config)
        patterns = _stated_patterns(chosen)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise InputError(
            f"its card's `configs` cannot be understood ({error}); name the data with `files`"
        ) from error
    with shown(readable) as base:
        folder = f"{base}/{chosen['data_dir']}".rstrip("/") if chosen.get("data_dir") else base
        found = _found_patterns(folder) if patterns is None else patterns
        if split not in found:
            raise InputError(f"split: there is no {split!r}; there are: {_listed(found)}")
        files = _matching(found[split], folder, base)
    if not files:
        raise InputError(
            f"split {split!r}: its card names {', '.join(found[split])}, where no file lies that "
            "can be read; name the data with `files`"
        )
    return files if patterns is not None else _of_one_kind(files)


def _chosen_config(card: Mapping[str, Any], wanted: str | None) -> dict[str, Any]:
    """Return the configuration that is wanted, or the default one, as the card states it."""
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCardData

    configs = MetadataConfigs.from_dataset_card_data(DatasetCardData(configs=card.get("configs")))
    if not configs:
        if wanted in {None, DEFAULT}:
            return {}
        raise InputError(
            f"config: there is no {wanted!r}, for the dataset names no configurations; leave it "
            f"out, or name a folder's files with `files: ['{wanted}/*']`"
        )
    name = wanted or configs.get_default_config_name()
    if name in configs:
        return dict(configs[name])
    problem = f"there is no {wanted!r}; there are" if wanted else "none is the default; name one of"
    raise InputError(f"config: {problem}: {_listed(configs)}")


def _stated_patterns(config: Mapping[str, Any]) -> Splits | None:
    """Return the patterns that a configuration states for its splits, if any.

    Raises InputError where one leads out of the repository: to another host, or to this machine.
    """
    from datasets.data_files import sanitize_patterns

    files = config.get("data_files")
    splits = None if files is None else sanitize_patterns(files)
    places = [config.get("data_dir") or "", *(p for own in (splits or {}).values() for p in own)]
    for place in places:
        if not isinstance(place, str):
            raise TypeError(f"{place!r} is no path")
        if ":" in place or place.startswith("/") or ".." in place.split("/"):
            raise InputError(
                f"its card names data that lie elsewhere ({place}), which are not fetched; name "
                "what is in the repository with `files`"
            )
    return splits


def _found_patterns(folder: str) -> Splits:
    """Return the patterns by which files are sorted into splits where the card does not say."""
    from datasets.data_files import EmptyDatasetError, get_data_patterns

    try:
        return {str(name): list(own) for name, own in get_data_patterns(folder).items()}
    except EmptyDatasetError as error:
        raise InputError(
            "its card names a folder in which no file lies that can be read; name the data with "
            "`files`"
        ) from error
    except ValueError as error:
        raise InputError(
            f"its files' names tell no splits ({error}); name the data with `files`"
        ) from error


def _matching(patterns: Sequence[str], folder: str, base: str) -> list[str]:
    """Return the names of the files that match, sorted."""
    from datasets.data_files import resolve_pattern

    found: set[str] = set()
    for pattern in patterns:
        try:
            found.update(resolve_pattern(pattern, folder))
        except FileNotFoundError:
            if not has_magic(pattern):
                raise InputError(
                    f"its card names {pattern}, which is not there or cannot be read; name the "
                    "data with `files`"
                ) from None
    return sorted(path.removeprefix(f"{base}/") for path in found)


def _of_one_kind(files: list[str]) -> list[str]:
    """Return the files of the commonest format: beside data lie licences and notes."""
    from datasets.load import infer_module_for_data_files_list
    from datasets.packaged_modules import _MODULE_TO_EXTENSIONS

    kind, _ = infer_module_for_data_files_list(files)
    suffixes = set(_MODULE_TO_EXTENSIONS.get(kind, ()))
    return [file for file in files if suffixes & set(_suffixes(file))] if suffixes else files


def _suffixes(name: str) -> list[str]:
    return [f".{suffix}" for suffix in PurePosixPath(name).name.lower().split(".")[1:]]


def _is_readable(name: str) -> bool:
    path = PurePosixPath(strip_compression(name.lower()))
    return path.suffix in READABLE and path.name not in NO_DATA


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(sorted(map(str, names)))


def _nothing_readable(names: Sequence[str]) -> str:
    scripts = [name for name in names if name.endswith(".py")]
    if scripts:
        return (
            f"its data come from a script ({scripts[0]}), which is not run: code from elsewhere "
            "never is. Try `revision: refs/convert/parquet`, where the hub may keep a copy as "
            "Parquet, with `files: ['CONFIG/SPLIT/*.parquet']`"
        )
    shown_names = ", ".join(list(names)[:5]) or "nothing"
    return f"holds no file that can be read ({shown_names}); readable are {', '.join(READABLE)}"
