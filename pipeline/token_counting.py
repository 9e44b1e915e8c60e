"""The steps that count tokens of a tokenizer that is named: ratios first, then what is taken.

A tokenizer of the `tokenizers` library takes a hundred times as long as everything else that reads
a text. So a sample of each domain and language gives tokens a byte, every document an estimate, and
draws on estimates say which documents to count. Then the draw is made again, which fills gaps with
counted documents alone, until all that it takes is counted: shards, quotas and shares are exact,
and what was left out is estimated. Always true: which documents are counted follows from the
documents, recipe and seed, whatever the workers.
"""

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.census import undecided
from pipeline.count.ratios import (
    Integers,
    Ratios,
    estimated,
    make_ratios,
    sampled_rows,
    with_tokens,
)
from pipeline.count.shards import count_shard, read_counts, tasks_of
from pipeline.errors import InputError
from pipeline.runtime import Runtime
from pipeline.sample.cells import CANDIDATE
from pipeline.sample.order import draw_all_keys
from pipeline.sample.stage import Drawn
from pipeline.shard import Shard
from pipeline.tokens import NamedTokenizer
from schemas.recipe import Recipe, Sample

MARGIN = 1.05  # of the budget, counted at first: what the draw may come to take once it is counted
Draw = Callable[[pa.Table, Sample], Drawn]


class Counted(NamedTuple):
    """A draw, and the census in which everything that it takes has an exact count."""

    drawn: Drawn
    census: pa.Table
    num_counted: int
    """Documents."""


def estimate_tokens(
    census: pa.Table,
    shards: Sequence[Shard],
    recipe: Recipe,
    tokenizer: NamedTokenizer | None,
    runtime: Runtime,
) -> tuple[pa.Table, Ratios]:
    """Return the census with estimates for the rule's counts, and the ratios that they come by.

    The ratios are those of a sample of what is undecided; without a tokenizer, there are none.
    """
    if tokenizer is None:
        return census, Ratios()
    open_rows = np.flatnonzero(pc.is_null(census["decision"]).to_numpy())
    keys = draw_all_keys(census["id"].take(pa.array(open_rows)), recipe.seed, "ratios")
    rows = sampled_rows(census, open_rows, keys)
    counts = _count("sample tokens", shards, rows, tokenizer, runtime)
    ratios = make_ratios(census, rows, counts)
    return estimated(census, ratios), ratios


def draw_counted(
    census: pa.Table,
    log_weights: pa.Array | None,
    shards: Sequence[Shard],
    tokenizer: NamedTokenizer | None,
    config: Sample,
    draw: Draw,
    runtime: Runtime,
) -> Counted:
    """Return the draw; without a tokenizer every count is exact already.

    `log_weights`: of what is undecided, where documents are resampled.
    """
    open_rows = np.flatnonzero(pc.is_null(census["decision"]).to_numpy())
    if tokenizer is None:
        candidates = _candidates(census, log_weights, None)
        return Counted(draw(candidates, config), census, len(open_rows))
    is_counted = np.zeros(len(open_rows), np.bool_)
    for budget in (int(config.tokens * MARGIN), config.tokens, config.tokens):
        with contextlib.suppress(InputError):  # what cannot be drawn is said of exact counts
            tried = config.model_copy(update={"tokens": budget})
            new = _taken(draw(_candidates(census, log_weights, None), tried)) & ~is_counted
            census = _with_counts(census, shards, open_rows[new], tokenizer, runtime)
            is_counted |= new
    while True:
        drawn = draw(_candidates(census, log_weights, is_counted), config)
        new = _taken(drawn) & ~is_counted
        if not new.any():
            return Counted(drawn, census, int(is_counted.sum()))
        census = _with_counts(census, shards, open_rows[new], tokenizer, runtime)
        is_counted |= new


def _candidates(
    census: pa.Table, log_weights: pa.Array | None, is_counted: npt.NDArray[np.bool_] | None
) -> pa.Table:
    """Return what can be drawn; where it is said what is counted, no other document fills a gap."""
    found = undecided(census, CANDIDATE)
    if log_weights is not None:
        found = found.append_column("log_weight", log_weights)
    if is_counted is not None:
        found = found.append_column("is_counted", pa.array(is_counted))
    return found


def counting_figures(ratios: Ratios, counted: Counted) -> dict[str, Any]:
    """Return what the manifest says of how tokens were counted; nothing for the rule of thumb."""
    if not ratios.cells:
        return {}
    return {"num_documents_counted": counted.num_counted, "sampled": ratios.figures()}


def _taken(drawn: Drawn) -> npt.NDArray[np.bool_]:
    """Say of each candidate whether its text is exported."""
    left = pc.equal(drawn.selection["decision"].cast(pa.string()), "not_sampled")
    return np.asarray(pc.invert(left).to_numpy(), np.bool_)


def _with_counts(
    census: pa.Table,
    shards: Sequence[Shard],
    rows: Integers,
    tokenizer: NamedTokenizer,
    runtime: Runtime,
) -> pa.Table:
    tokens = census["num_tokens"].to_numpy().copy()
    tokens[rows] = _count("count tokens", shards, rows, tokenizer, runtime)
    return with_tokens(census, tokens)


def _count(
    name: str,
    shards: Sequence[Shard],
    rows: Integers,
    tokenizer: NamedTokenizer,
    runtime: Runtime,
) -> Integers:
    """Return the exact counts of ascending rows of the census."""
    tasks = tasks_of(shards, rows)
    files = runtime.run_stage(
        name,
        lambda store: partial(count_shard, store=store, tokenizer=tokenizer),
        tasks,
        [len(task.rows) * task.shard.num_text_bytes // task.shard.num_documents for task in tasks],
    )
    return read_counts(files)
