"""The steps that weigh candidates towards a sample of the base model's text.

Reads the census and its shards; writes results of stages to the store; gives log weights, one a
candidate, and figures for the manifest. Comes after everything that drops documents, since the
weights compare what is wanted with what there is to draw from, and before the draw. The n-grams are
read three times: to count those of the candidates, to weigh, and to count what draws with other
bounds would take; once more when the sample is drawn, to say how near it came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.kernels.ngrams import Groups
from pipeline.resample.shards import Copies, add_up, count_shard, tasks_of, weigh_shard
from pipeline.resample.towards import Wished, count_halves
from pipeline.resample.weights import (
    BOUNDS,
    Counts,
    best_bound,
    divergence,
    drawn_by,
    gram_weights,
    log_weights,
)
from pipeline.runtime import Runtime
from pipeline.sample.order import draw_keys
from pipeline.shard import Shard
from schemas.recipe import Recipe

DIGITS = 6  # of a figure


@dataclass(frozen=True)
class Weighed:
    """Log weights of the candidates, and what is needed to say what came of them."""

    log_weights: pa.Array
    """float32, one for each row of the census about which nothing is decided; null: 1 like all."""
    groups: Groups
    """Of every row of the census: its domain's place among those resampled, below zero for none."""
    target: Counts
    figures: dict[str, dict[str, Any]]
    """By domain, until the sample is drawn."""


@dataclass(frozen=True)
class _Sums:
    """Of every document: the sums of its n-grams' weights, and how many n-grams it has."""

    whole: Counts
    by_half: Counts
    num_ngrams: Counts


def weigh_candidates(
    census: pa.Table,
    shards: Sequence[Shard],
    wished: Wished,
    target: Mapping[str, float],
    recipe: Recipe,
    base: Path,
    runtime: Runtime,
) -> Weighed | None:
    """Return the weights of what is left to draw from, or None where the recipe asks for none."""
    if wished.config is None:
        return None
    groups = _groups_of(census, wished.domains)
    halves = runtime.run_once("target text", lambda _: count_halves(wished, base))
    raw = _count("count n-grams", shards, groups, _ones(groups), len(halves[0]), runtime)[0]
    whole = halves.sum(axis=0)
    tables = gram_weights(halves[0], raw), gram_weights(whole, raw)
    sums = _weigh(shards, groups, tables, runtime)
    bounds = BOUNDS if wished.config.max_ngrams is None else (0, wished.config.max_ngrams)
    budgets = [int(target[domain] * recipe.sample.tokens) for domain in wished.domains]
    trials = _trials(census, groups, sums, bounds, budgets, recipe.seed)
    tried = _count("try n-gram bounds", shards, groups, trials, len(raw), runtime)
    weights, figures = np.full(len(groups), np.nan), {}
    for group, domain in enumerate(wished.domains):
        bound = wished.config.max_ngrams or best_bound(bounds, halves[1, group], tried[:, group])
        rows = np.flatnonzero(groups == group) if bound else np.empty(0, np.int64)
        weights[rows] = log_weights(sums.whole[rows], sums.num_ngrams[rows], bound)
        figures[domain] = {
            "num_texts": wished.num_texts[domain],
            "max_ngrams": bound,
            **_distances(whole[group], raw[group], tried[0, group]),
        }
    is_open = pc.is_null(census["decision"]).to_numpy()
    column = pa.array(weights[is_open], pa.float32(), from_pandas=True)
    return Weighed(column, groups, whole, figures)


def _distances(target: Counts, candidates: Counts, plain_draw: Counts) -> dict[str, Any]:
    """Return what is known of one domain's n-grams before the sample is drawn."""
    return {
        "num_ngrams": int(target.sum()),
        "divergence_of_candidates": round(divergence(target, candidates), DIGITS),
        "divergence_of_plain_draw": round(divergence(target, plain_draw), DIGITS),
    }


def resampling_figures(
    weighed: Weighed | None,
    dispositions: pa.Table,
    shards: Sequence[Shard],
    recipe: Recipe,
    runtime: Runtime,
) -> dict[str, Any]:
    """Return what the manifest says of resampling; `dispositions`: the census once it is drawn."""
    if weighed is None or recipe.sample.towards is None:
        return {}
    copies = dispositions["copies"].to_numpy()[None]
    drawn = _count("compare n-grams", shards, weighed.groups, copies, len(weighed.target), runtime)
    domains = {
        domain: {**figures, "divergence_of_sample": round(divergence(wanted, own), DIGITS)}
        for (domain, figures), wanted, own in zip(
            weighed.figures.items(), weighed.target, drawn[0], strict=True
        )
    }
    return {"towards": list(recipe.sample.towards.paths), "domains": domains}


def _groups_of(census: pa.Table, domains: Sequence[str]) -> Groups:
    """Return the group of each row of the census: of what is left of these domains."""
    found = pc.index_in(census["domain"].cast(pa.string()), pa.array(domains, pa.string()))
    groups = pc.if_else(pc.is_null(census["decision"]), found.fill_null(-1), -1)
    return np.asarray(groups.to_numpy(), np.int32)


def _count(
    name: str,
    shards: Sequence[Shard],
    groups: Groups,
    copies: Copies,
    num_groups: int,
    runtime: Runtime,
) -> Counts:
    """Return the n-grams of all documents, times their copies: shape (layers, groups, buckets)."""
    tasks = list(tasks_of(shards, groups, copies).values())
    files = runtime.run_stage(
        name,
        lambda store: partial(count_shard, store=store),
        tasks,
        [task.shard.num_text_bytes for task in tasks],
    )
    return add_up(files, len(copies), num_groups)


def _weigh(
    shards: Sequence[Shard],
    groups: Groups,
    tables: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]],
    runtime: Runtime,
) -> _Sums:
    tasks = tasks_of(shards, groups, _ones(groups))
    weighed = runtime.run_stage(
        "weigh n-grams",
        lambda store: partial(weigh_shard, store=store, tables=tables),
        list(tasks.values()),
        [task.shard.num_text_bytes for task in tasks.values()],
    )
    starts = np.cumsum([0, *(shard.num_documents for shard in shards)])
    sums = _Sums(*(np.zeros(len(groups), np.int64) for _ in range(3)))
    for place, shard in zip(tasks, weighed, strict=True):
        found = pq.read_table(shard.attributes["ngram_weights"])
        rows = slice(starts[place], starts[place + 1])
        sums.whole[rows] = found["weight"].fill_null(0).to_numpy()
        sums.by_half[rows] = found["weight_by_half"].fill_null(0).to_numpy()
        sums.num_ngrams[rows] = found["num_ngrams"].fill_null(0).to_numpy()
    return sums


def _trials(
    census: pa.Table,
    groups: Groups,
    sums: _Sums,
    bounds: Sequence[int],
    budgets: Sequence[int],
    seed: int,
) -> npt.NDArray[np.int8]:
    """Return which documents draws with each bound would take, of the domains' `budgets`.

    Shape (bounds, documents). Nothing is held out and no document taken twice: it is only to choose
    a bound by.
    """
    taken = np.zeros((len(bounds), len(groups)), np.int8)
    for group, budget in enumerate(budgets):
        rows = np.flatnonzero(groups == group)
        own = census.select(["id", "num_tokens"]).take(pa.array(rows))
        keys, tokens = draw_keys(own["id"].combine_chunks(), seed, "resample"), own["num_tokens"].to_numpy()
        for layer, bound in enumerate(bounds):
            weights = log_weights(sums.by_half[rows], sums.num_ngrams[rows], bound)
            taken[layer, rows] = drawn_by(weights, keys, tokens, budget)
    return taken


def _ones(groups: Groups) -> npt.NDArray[np.int8]:
    """Return one layer in which every document counts once."""
    return np.ones((1, len(groups)), np.int8)
