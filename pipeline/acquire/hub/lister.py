"""Datasets of the Hugging Face hub: which files, of which commit.

Reads the hub through `hub_api`, and the dataset's card; writes nothing. Always true: files are
listed at one commit, so a branch that moves meanwhile mixes nothing; no code of a dataset is run.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from pipeline.acquire.failures import naming
from pipeline.acquire.hub.api import HubFile, HubRepository
from pipeline.acquire.remote import Listing, RemoteFile, RowGroups, World, choose, matches
from pipeline.errors import InputError
from schemas.source import Fields, HubSource

CARD_FILES = ("README.md", ".huggingface.yaml")
"""Where a dataset says what it consists of; what the second says goes."""


def list_files(source: HubSource, base: Path, world: World) -> Listing:
    """Return the files of the source at the commit that its revision stands for now.

    Raises InputError where repository, revision, configuration, split or files are not there or
    may not be read, FetchError where the hub cannot be reached.
    """
    with naming(source.name):
        hub = HubRepository(source, world)
        commit = source.revision if source.is_pinned else hub.commit()
        files = {file.name: file for file in hub.files(commit)}
        wanted = _wanted(source, sorted(files), hub, commit)
        chosen = choose(wanted, source.max_files)
        _refuse_unbounded(source, chosen)
        remote = (_remote(files[name], source, hub.address(commit, name)) for name in chosen)
        return Listing(tuple(remote), commit, hub.page)


def needed_columns(fields: Fields) -> tuple[str, ...]:
    """Return the columns that a recipe's fields name, or lie in."""
    single = (
        fields.id, fields.url, fields.created, fields.license, fields.title, fields.topic,
    )  # fmt: skip
    return _columns([*fields.text, *fields.metadata, *filter(None, single)])


def _columns(paths: Sequence[str]) -> tuple[str, ...]:
    """Return the names that a table's column may have for paths such as `meta.title`."""
    return tuple(sorted({*paths, *(path.partition(".")[0] for path in paths)}))


def _wanted(source: HubSource, names: list[str], hub: HubRepository, commit: str) -> list[str]:
    """Return the names that patterns match, or that make up configuration and split."""
    if not source.files:
        from pipeline.acquire.hub.splits import split_files

        return split_files(names, _card(hub, commit, names), source.config, source.split)
    found = [name for name in names if matches(name, source.files)]
    if not found:
        raise InputError(
            f"files: {', '.join(source.files)} match nothing in {source.repository} at "
            f"{source.revision}, which holds {_some(names)}"
        )
    return found


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return (", ".join(names[:5]) or "nothing") + more


def _card(hub: HubRepository, commit: str, names: Sequence[str]) -> dict[str, Any]:
    """Return what the dataset says of itself: the YAML header of README.md, and more of it."""
    said: dict[str, Any] = {}
    for name in CARD_FILES:
        if name in names:
            page = hub.text(commit, name)
            said |= _parsed(card_header(page) if name.endswith(".md") else page, name)
    return said


def _parsed(text: str, name: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(
            f"{name} is not valid YAML ({str(error).splitlines()[0]}); name the data with `files`"
        ) from error
    return found if isinstance(found, dict) else {}


def card_header(page: str) -> str:
    """Return the YAML between the first two lines of three dashes; empty where there is none."""
    lines = page.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].strip() != "---":
        return ""
    end = next((i for i, line in enumerate(lines[1:], 1) if line.strip() == "---"), None)
    return "" if end is None else "\n".join(lines[1:end])


def _refuse_unbounded(source: HubSource, names: Sequence[str]) -> None:
    """Raise where row groups are to be chosen and no file has any."""
    if source.max_row_groups and not any(name.endswith(".parquet") for name in names):
        raise InputError(
            f"max_row_groups: none of the files is a Parquet file ({_some(names)}); "
            "use `max_files`, or a revision with Parquet files such as refs/convert/parquet"
        )


def _remote(file: HubFile, source: HubSource, address: str) -> RemoteFile:
    is_git = file.checksum.startswith("git:")
    whole = RemoteFile(
        name=file.name,
        address=address,
        identity=f"{file.checksum} of {source.repository}" if is_git else file.checksum,
        num_bytes=file.num_bytes,
        checksum=file.checksum,
        token_variable=source.token_variable,
    )
    columns = needed_columns(source.fields) if source.columns == "needed" else None
    if not file.name.endswith(".parquet") or not (source.max_row_groups or columns):
        return whole
    text = _columns(source.fields.text)
    part = RowGroups(file.num_bytes, source.max_row_groups, columns, text)
    return replace(whole, num_bytes=None, part=part)
