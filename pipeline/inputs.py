"""The inputs of a build: which units the recipe's sources consist of, and what they may lose.

Reads the recipe, the file system, and what the recipe names elsewhere; writes what it fetches to
the store. Units come in the order of the recipe's
sources, then by name, so everything after has one order on every machine.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.acquire.fetch import fetch_file
from pipeline.acquire.listing import list_source
from pipeline.acquire.local import environment, files
from pipeline.acquire.space import check_space
from pipeline.errors import InputError, SourceLossError
from pipeline.normalize.record import LOSSLESS_REASONS
from pipeline.runtime import Runtime
from pipeline.shard import Shard, Unit
from schemas.recipe import Recipe
from schemas.source import EnvironmentSource, HubSource, PathsSource, Source, TextSource


def find_units(recipe: Recipe, base: Path, runtime: Runtime) -> list[Unit]:
    """Return every unit of every source, fetched where it lies elsewhere.

    Raises InputError where a source cannot be read, FetchError where it cannot be fetched now.
    """
    return [unit for source in recipe.sources for unit in source_units(source, base, runtime)]


def source_units(source: Source, base: Path, runtime: Runtime) -> list[Unit]:
    """Return the units of one source, by name."""
    if isinstance(source, EnvironmentSource):
        return environment.find_units(source)
    if isinstance(source, PathsSource) and not source.is_remote:
        return files.find_units(source, base)
    return _fetch_units(source, base, runtime)


def _fetch_units(source: TextSource, base: Path, runtime: Runtime) -> list[Unit]:
    world = runtime.world
    listing = runtime.run_once("list files", lambda store: list_source(source, base, world, store))
    check_space(source.name, listing.files, runtime.store)
    units: list[Unit] = runtime.run_stage(
        "fetch",
        lambda store: partial(fetch_file, store=store, world=world, source=source.name),
        listing.files,
        [file.num_bytes or 0 for file in listing.files],
        runtime.fetcher,
    )
    return [replace(u, revision=listing.revision, origin=listing.origin) for u in units]


def check_losses(shards: Sequence[Shard], recipe: Recipe) -> None:
    """Raise SourceLossError for a source that lost a larger share of its records than it may."""
    for source in recipe.sources:
        own = [shard for shard in shards if shard.unit.source == source.name]
        num_read = sum(shard.num_read for shard in own)
        lost = lost_records(own)
        if lost.total() > source.max_lost_fraction * num_read:
            causes = ", ".join(f"{reason} {count}" for reason, count in lost.most_common())
            example = _example_of(lost.most_common(1)[0][0], own)
            raise SourceLossError(
                f"source {source.name}: {lost.total()} of {num_read} records "
                f"({lost.total() / num_read:.1%}) cannot be read ({causes}), as {example}; "
                f"max_lost_fraction allows {source.max_lost_fraction:.1%}. "
                "Mend the files, or raise the limit if the loss is acceptable"
            )


def check_columns(shards: Sequence[Shard], recipe: Recipe) -> None:
    """Raise InputError where a file of a hub's dataset has no column for the text.

    Such a file counts as one lost record, however many rows it has; a dataset whose columns were
    renamed would be lost nearly unseen.
    """
    hub = {source.name for source in recipe.sources if isinstance(source, HubSource)}
    for shard in shards:
        own = [shard] if shard.unit.source in hub else []
        if "missing_column" in lost_records(own):
            raise InputError(
                f"source {shard.unit.source}: {_example_of('missing_column', own)}. Correct "
                f"`fields`: at {shard.unit.revision} the dataset is not, or no longer, as they say"
            )


def _example_of(reason: str, shards: Sequence[Shard]) -> str:
    """Return where the first record that was lost for a reason stood, and what was wrong."""
    for shard in shards:
        if shard.num_quarantined:
            table = pq.read_table(shard.quarantine, columns=["reason", "file", "error"])
            for row in table.to_pylist():
                if row["reason"] == reason:
                    return f"{row['file']}: {row['error']}"
    return reason


def lost_records(shards: Sequence[Shard]) -> Counter[str]:
    """Count the records of the shards that are lost, by reason."""
    reasons: Counter[str] = Counter()
    for shard in shards:
        if shard.num_quarantined:
            column = pq.read_table(shard.quarantine, columns=["reason"])["reason"]
            reasons.update(column.to_pylist())
    return Counter({r: count for r, count in reasons.items() if r not in LOSSLESS_REASONS})
