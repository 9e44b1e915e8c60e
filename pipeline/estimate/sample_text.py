"""Sample text by category: what a tokenizer's training text may have consisted of.

Reads a folder (each file or folder in it is a category), a recipe (each source is one, or each
domain) or a build's output (each domain, source or language). What cannot be read is counted.
"""

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

import pyarrow.parquet as pq

from pipeline.acquire.local.files import find_units
from pipeline.errors import ConfigError, InputError
from pipeline.estimate.category import Category
from pipeline.normalize.record import Record
from pipeline.normalize.stage import read_unit, reading_of
from pipeline.output import MANIFEST_FILE, SHARDS_FOLDER, read_build_manifest
from pipeline.shard import Unit
from schemas.domain import DOMAINS
from schemas.recipe import Cleaning, Recipe
from schemas.source import EnvironmentSource, FilesSource, Source

By = Literal["domain", "source", "language"]
UnitsOf = Callable[[Source], list[Unit]]
MIN_CATEGORIES = 2
MIN_BYTES = 50_000  # of a category: with less its share is anybody's guess
ROWS = 1_000


class Sample:
    """Categories by name, made as text for them comes up."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.categories: dict[str, Category] = {}

    def of(self, name: str, domain: str | None) -> Category:
        """Return the category of this name; a category whose name is a domain is of that domain."""
        known = domain if domain is not None else name if name in DOMAINS else None
        return self.categories.setdefault(name, Category(name, self.max_bytes, known))


def read_folder(folder: Path, max_bytes: int) -> list[Category]:
    """Return the categories of a folder; hidden files are passed over.

    Raises InputError where it holds fewer than two, or one of them has no text.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give one with a folder or file a category")
    sample = Sample(max_bytes)
    for place in sorted(path for path in folder.iterdir() if not path.name.startswith(".")):
        source = FilesSource(kind="files", name="sample", paths=(place.name,), license="unknown")
        category = sample.of(place.name if place.is_dir() else place.name.split(".")[0], None)
        for unit in find_units(source, folder):
            for item in _records(unit, source, category):
                category.add(item.text)
    return _checked(sample, f"{folder}")


def read_recipe(recipe: Recipe, units_of: UnitsOf, by: By, max_bytes: int) -> list[Category]:
    """Return the categories of a recipe's sources.

    Raises ConfigError where a source states no domain and they are wanted by domain, InputError
    where there are fewer than two categories, or one of them has no text.
    """
    sample = Sample(max_bytes)
    for source in recipe.sources:
        domain = None if source.domain == "auto" else source.domain
        if by == "language" or (
            by == "domain" and domain is None and not isinstance(source, EnvironmentSource)
        ):
            raise ConfigError(
                f"source {source.name}: its {by} is not known before a build; estimate by source, "
                f"or give a build's output"
            )
        own = sample.of(source.name, domain) if by == "source" else None
        for unit in units_of(source):
            refused = own or sample.of(domain or source.name, domain)
            for item in _records(unit, source, refused):
                stated = domain or item.domain
                (own or sample.of(str(stated), stated)).add(item.text)
    return _checked(sample, f"recipe {recipe.name}")


def read_build(folder: Path, by: By, max_bytes: int) -> list[Category]:
    """Return the categories of a build's shards.

    Raises InputError where there are fewer than two.
    """
    sample = Sample(max_bytes)
    manifest = read_build_manifest(folder)
    for file in manifest.files:
        if PurePosixPath(file.path).parts[0] != SHARDS_FOLDER:
            continue
        with pq.ParquetFile(folder / file.path) as parquet:
            for batch in parquet.iter_batches(ROWS, columns=["text", "domain", by]):
                for row in batch.to_pylist():
                    domain = None if by == "language" else row["domain"]
                    sample.of(row[by], domain).add(row["text"])
    return _checked(sample, f"{folder}")


def is_build(path: Path) -> bool:
    """Return whether a folder is the output of a build."""
    return (path / MANIFEST_FILE).is_file()


def _records(unit: Unit, source: Source, category: Category) -> Iterator[Record]:
    """Yield what is in a unit; count what is refused."""
    context, format_name = reading_of(unit, source, Cleaning().max_document_bytes)
    for item in read_unit(context, format_name):
        if isinstance(item, Record):
            yield item
        else:
            category.refused[item.reason] += 1


def _checked(sample: Sample, where: str) -> list[Category]:
    found = list(sample.categories.values())
    for category in found:
        if category.num_bytes_read < MIN_BYTES:
            refused = ", ".join(f"{name} {count}" for name, count in category.refused.items())
            raise InputError(
                f"{where}: {category.num_bytes_read:,} bytes of text of {category.name}, at least "
                f"{MIN_BYTES:,} are needed (records refused: {refused or 'none'}); add text or "
                "remove it; a recipe can say how files are to be read (`format:`, `fields:`)"
            )
    if len(found) < MIN_CATEGORIES:
        raise InputError(
            f"{where}: {len(found)} category; shares need at least {MIN_CATEGORIES}, a folder or "
            "file each"
        )
    return found
