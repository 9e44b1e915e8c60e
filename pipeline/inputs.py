"""The inputs of a build: which units the recipe's sources consist of, and what they may lose.

Reads the recipe and the file system; writes nothing. Units come in the order of the recipe's
sources, then by name, so everything after has one order on every machine.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.acquire import environment, files
from pipeline.errors import InputError, SourceLossError
from pipeline.normalize.record import LOSSLESS_REASONS
from pipeline.shard import Shard, Unit
from schemas.recipe import EnvironmentSource, FilesSource, Recipe, Source


def find_units(recipe: Recipe, base: Path) -> list[Unit]:
    """Return every unit of every source; raises InputError where a source cannot be read here."""
    return [unit for source in recipe.sources for unit in source_units(source, base)]


def source_units(source: Source, base: Path) -> list[Unit]:
    """Return the units of one source, by name."""
    if isinstance(source, FilesSource):
        return files.find_units(source, base)
    if isinstance(source, EnvironmentSource):
        return environment.find_units(source)
    raise InputError(
        f"source {source.name}: kind {source.kind!r} can be planned but not yet downloaded; "
        f"fetch {source.repository} yourself and name its files in a source of kind 'files'"
    )


def check_losses(shards: Sequence[Shard], recipe: Recipe) -> None:
    """Raise SourceLossError for a source that lost a larger share of its records than it may."""
    for source in recipe.sources:
        own = [shard for shard in shards if shard.unit.source == source.name]
        num_read = sum(shard.num_read for shard in own)
        lost = lost_records(own)
        if lost.total() > source.max_lost_fraction * num_read:
            causes = ", ".join(f"{reason} {count}" for reason, count in lost.most_common())
            raise SourceLossError(
                f"source {source.name}: {lost.total()} of {num_read} records "
                f"({lost.total() / num_read:.1%}) cannot be read ({causes}); "
                f"max_lost_fraction allows {source.max_lost_fraction:.1%}. "
                "Mend the files, or raise the limit if the loss is acceptable"
            )


def lost_records(shards: Sequence[Shard]) -> Counter[str]:
    """Count the records of the shards that are lost, by reason."""
    reasons: Counter[str] = Counter()
    for shard in shards:
        if shard.num_quarantined:
            column = pq.read_table(shard.quarantine, columns=["reason"])["reason"]
            reasons.update(column.to_pylist())
    return Counter({r: count for r, count in reasons.items() if r not in LOSSLESS_REASONS})
