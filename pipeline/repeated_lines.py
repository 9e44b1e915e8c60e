"""The steps that cut repeated lines: counted over all, cut shard by shard, applied to the census.

Reads the census and the shards with their `lines`; writes results of stages to the store. Comes
after near-duplicates are dropped, so that copies of a page do not make its lines look repeated, and
before the sample is drawn, so that it counts the tokens that are exported.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.count.ratios import Ratios, estimates_of
from pipeline.dedup.lines.annotator import line_multiplier
from pipeline.dedup.lines.cut import CutTask, Cutter, cut_shard
from pipeline.dedup.lines.outcome import CutLines, apply_cuts, read_cuts
from pipeline.dedup.lines.repeated import Repeated, find_repeated
from pipeline.runtime import Runtime
from pipeline.shard import Shard
from schemas.recipe import Recipe


def cut_repeated_lines(
    census: pa.Table, shards: Sequence[Shard], recipe: Recipe, ratios: Ratios, runtime: Runtime
) -> CutLines:
    """Return census and shards with repeated lines cut; `ratios` give tokens for bytes."""
    config, num_bytes = recipe.dedup, sum(shard.num_text_bytes for shard in shards)
    repeated = runtime.run_once(
        "repeated lines",
        lambda store: find_repeated(census, shards, config, recipe.seed, store),
        num_bytes,
    )
    cutter = Cutter(
        repeated,
        config.lines.min_words,
        config.lines.min_words_within,
        line_multiplier(config, recipe.seed),
    )
    tasks = tasks_of(shards, repeated)
    cut = runtime.run_stage(
        "cut lines",
        lambda store: partial(cut_shard, store=store, cutter=cutter),
        list(tasks.values()),
        [task.shard.num_text_bytes for task in tasks.values()],
    )
    found = dict(zip(tasks, cut, strict=True))
    done = [found.get(place, shard) for place, shard in enumerate(shards)]
    cuts = _estimated(read_cuts(done), census, ratios)
    census, figures = apply_cuts(census, cuts, config, recipe.cleaning.min_characters)
    parameters = config.lines.model_dump(mode="json", exclude={"enabled"})
    return CutLines(census, done, {"parameters": parameters, **repeated.figures, **figures})


def _estimated(cuts: pa.Table, census: pa.Table, ratios: Ratios) -> pa.Table:
    """Return cuts with estimates of the tokens that are left; null where nothing is cut."""
    owners = census.select(["domain", "language"]).take(pc.index_in(cuts["id"], census["id"]))
    by_rule = cuts["num_tokens"].fill_null(0).to_numpy()
    found = pa.array(
        estimates_of(owners, by_rule, ratios), mask=cuts["num_tokens"].is_null().to_numpy()
    )
    place = cuts.column_names.index("num_tokens")
    return cuts.set_column(place, cuts.schema.field(place), found)


def tasks_of(shards: Sequence[Shard], repeated: Repeated) -> dict[int, CutTask]:
    """Return a task for each shard, by its place, that has a document to cut from."""
    firsts = np.cumsum([0, *(shard.num_documents for shard in shards)]).tolist()
    return {
        place: CutTask(shard, first)
        for place, (shard, first) in enumerate(zip(shards, firsts, strict=False))
        if (repeated.ranks(first, shard.num_documents) >= 0).any()
    }
