"""The whole corpus build, in order: from a recipe to a finished output folder.

Reads what the recipe's sources name; writes results of stages to the store and the corpus to the
output. Knows nothing of how units are mapped or who watches: that is in the `Runtime` it is given.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.annotate.annotator import Annotator, annotate_shard
from pipeline.annotate.contamination import make_contamination_annotator
from pipeline.annotate.heuristics import HeuristicsAnnotator
from pipeline.annotate.language import LanguageAnnotator
from pipeline.annotate.pii import PiiAnnotator
from pipeline.annotate.quality import QualityAnnotator
from pipeline.annotate.tokens import TokensAnnotator
from pipeline.census import decide, decide_the_rest, refuse_nothing_left, take_census
from pipeline.collect import in_use, note_use
from pipeline.dedup.bands import hashing_of, make_bands_annotator
from pipeline.dedup.index.earlier import Earlier, open_earlier
from pipeline.dedup.lines.annotator import make_lines_annotator
from pipeline.dedup.stage import Deduplicated, deduplicate
from pipeline.export.stage import ExportPlan, export_build, find_build
from pipeline.filter.stage import filter_shard
from pipeline.fingerprint import fingerprint
from pipeline.inputs import check_columns, check_losses, find_units
from pipeline.lock import locked
from pipeline.mixture.target import Target, mixture_document, resolve_target
from pipeline.models import (
    Figures,
    domain_annotator,
    quality_alarms,
    quality_annotator,
    topic_annotator,
)
from pipeline.normalize.stage import normalize_unit
from pipeline.output import check_writable, lock_of, remove_left_behind
from pipeline.quality.stage import apply_bands, band_figures
from pipeline.quality.wanted import Wanted, resolve_wanted, with_sample
from pipeline.repeated_lines import cut_repeated_lines
from pipeline.resample.towards import Wished, resolve_towards
from pipeline.resampling import resampling_figures, weigh_candidates
from pipeline.runtime import Runtime
from pipeline.sample.languages import LanguageShares
from pipeline.sample.stage import Drawn, draw_sample
from pipeline.shard import Shard, Unit
from pipeline.token_counting import counting_figures, draw_counted, estimate_tokens
from pipeline.tokens import NamedTokenizer, locate_tokenizer, resolve_tokenizer
from schemas.manifest import Manifest
from schemas.recipe import Recipe, Sample

BUILD_VERSION = 6  # raise it when the same stage results lead to other shards


def build(recipe: Recipe, base: Path, output: Path, runtime: Runtime) -> Manifest:
    """Build the corpus that `recipe` describes into the folder `output`.

    `base` is the folder that the recipe's relative paths start from. Waits while another
    run makes the same output. Raises InputError where the recipe or its input cannot give a corpus,
    SourceLossError where a source loses too much.
    """
    check_writable(output)
    named = look_up(recipe, base)
    annotators = independent_annotators(recipe, base)
    with (
        locked(lock_of(output), on_wait=lambda: runtime.on_begin("wait for another build", 1)),
        in_use(runtime.store.root) as started,
    ):
        remove_left_behind(output)
        manifest = _build(recipe, base, output, named, annotators, runtime)
        note_use(runtime.store.root, output, manifest.fingerprint, started)
        return manifest


@dataclass(frozen=True)
class Named:
    """What a recipe names beside its sources, looked up before anything is read."""

    target: Target
    wanted: Wanted
    """Of quality bands."""
    wished: Wished
    """Of text to resample towards."""
    tokenizer: NamedTokenizer | None
    """None for the rule of thumb."""
    earlier: Earlier
    """The documents of the indexes to deduplicate against."""


def look_up(recipe: Recipe, base: Path) -> Named:
    """Return what a recipe names; raises ConfigError or InputError where it will not do."""
    target = resolve_target(recipe.mixture, base, recipe.sample.languages)
    return Named(
        target=target,
        wanted=resolve_wanted(recipe.quality, target.proportions, base),
        wished=resolve_towards(recipe.sample.towards, target.proportions, base),
        tokenizer=resolve_tokenizer(recipe.sample.tokenizer, base),
        earlier=earlier_corpora(recipe, base),
    )


def _build(
    recipe: Recipe,
    base: Path,
    output: Path,
    named: Named,
    annotators: Sequence[Annotator],
    runtime: Runtime,
) -> Manifest:
    shards = normalize(find_units(recipe, base, runtime), recipe, runtime)
    check_columns(shards, recipe)
    check_losses(shards, recipe)
    shards = annotate("annotate", shards, annotators, runtime)
    shards, figures, quality = classify(shards, recipe, base, runtime)
    if recipe.dedup.cuts_lines:
        lines = make_lines_annotator(recipe.dedup, recipe.seed)
        shards = annotate("lines", shards, [lines], runtime)
    shards = filter_documents(shards, recipe, runtime)
    identity = build_fingerprint(shards, recipe, named)
    if finished := find_build(output, identity):
        return finished
    wanted = score_sample(named.wanted, quality, recipe, base, runtime)
    named = replace(named, wanted=wanted)
    plan = decide_all(shards, recipe, base, named, figures, identity, runtime)
    return runtime.run_once(
        "export",
        lambda store: export_build(plan, output, runtime.mapper, store.root),
        sum(shard.num_text_bytes for shard in shards),
    )


def independent_annotators(recipe: Recipe, base: Path) -> list[Annotator]:
    """Return the annotators that need no trained model, each after those it requires."""
    return [
        LanguageAnnotator(),
        HeuristicsAnnotator(),
        PiiAnnotator(recipe.cleaning.pii),
        TokensAnnotator(),
        make_contamination_annotator(recipe.decontamination, base),
        *([make_bands_annotator(recipe.dedup, recipe.seed)] if recipe.dedup.enabled else []),
    ]


def earlier_corpora(recipe: Recipe, base: Path) -> Earlier:
    """Return the documents of the indexes that a recipe names; raises where they will not do."""
    folders = [base / folder for folder in recipe.dedup.against]
    return open_earlier(folders, hashing_of(recipe.dedup, recipe.seed))


def normalize(units: Sequence[Unit], recipe: Recipe, runtime: Runtime) -> list[Shard]:
    """Return one shard of documents for each unit, in the order of the units."""
    sources = {source.name: source for source in recipe.sources}
    return runtime.run_stage(
        "normalize",
        lambda store: partial(
            normalize_unit, store=store, sources=sources, cleaning=recipe.cleaning
        ),
        units,
        [unit.num_bytes for unit in units],
    )


def annotate(
    name: str, shards: Sequence[Shard], annotators: Sequence[Annotator], runtime: Runtime
) -> list[Shard]:
    """Return the shards with the annotators' attributes."""
    return runtime.run_stage(
        name,
        lambda store: partial(annotate_shard, store=store, annotators=annotators),
        shards,
        [shard.num_text_bytes for shard in shards],
    )


def classify(
    shards: list[Shard], recipe: Recipe, base: Path, runtime: Runtime
) -> tuple[list[Shard], Figures, QualityAnnotator | None]:
    """Return the shards with domain, topic and quality, the models' figures, and what scores."""
    domain, domain_figures = domain_annotator(shards, recipe, base, runtime)
    shards = annotate("domain", shards, [domain], runtime)
    topic, topic_figures = topic_annotator(shards, recipe, base, runtime)
    if topic is not None:
        shards = annotate("topic", shards, [topic], runtime)
    quality, quality_figures = quality_annotator(shards, recipe, base, runtime)
    if quality is not None:
        shards = annotate("quality", shards, [quality], runtime)
    return shards, {**domain_figures, **topic_figures, **quality_figures}, quality


def filter_documents(shards: Sequence[Shard], recipe: Recipe, runtime: Runtime) -> list[Shard]:
    """Return the shards with the filter's verdict on every document."""
    return runtime.run_stage(
        "filter",
        lambda store: partial(filter_shard, store=store, cleaning=recipe.cleaning),
        shards,
        [shard.num_text_bytes for shard in shards],
    )


def score_sample(
    wanted: Wanted,
    quality: QualityAnnotator | None,
    recipe: Recipe,
    base: Path,
    runtime: Runtime,
) -> Wanted:
    """Return what is wanted of quality bands, with the scores of the text that they match."""
    if quality is None or wanted.match is None:
        return wanted
    tokenizer = locate_tokenizer(recipe.sample.tokenizer, base)
    return runtime.run_once(
        "match quality", lambda _: with_sample(wanted, base, quality.score, tokenizer)
    )


def build_fingerprint(shards: Sequence[Shard], recipe: Recipe, named: Named) -> str:
    """Return the identity of the build: recipe, target, and everything known of its documents.

    The recipe gives the name of a mixture, or its path; what is in it is the target's. So it is
    with a published cut, a tokenizer, and text to match or to resample towards.
    """
    known = [(shard.fingerprint, shard.attribute_fingerprints) for shard in shards]
    fetched = sorted({(s.unit.source, s.unit.revision, s.unit.origin) for s in shards})
    asked = recipe.model_dump(exclude={"runtime": True, "dedup": {"memory_limit", "against"}})
    return fingerprint(
        "build",
        BUILD_VERSION,
        asked,
        named.target.mixture,
        known,
        fetched,
        named.earlier.digests,
        named.wanted.identity,
        named.wished.identity,
        named.tokenizer.digest if named.tokenizer else None,
    )


def decide_all(
    shards: list[Shard],
    recipe: Recipe,
    base: Path,
    named: Named,
    classifiers: Figures,
    identity: str,
    runtime: Runtime,
) -> ExportPlan:
    """Decide about every document that is left, and return what to export."""
    census = take_census(shards, recipe)
    refuse_nothing_left(census)
    census, dedup = drop_duplicates(census, shards, recipe, named.earlier, runtime)
    census, ratios = estimate_tokens(census, shards, recipe, named.tokenizer, runtime)
    if recipe.dedup.cuts_lines:
        census, shards, lines = cut_repeated_lines(census, shards, recipe, ratios, runtime)
        dedup = {**dedup, "lines": lines}
    census, shares = apply_bands(census, named.wanted)
    refuse_nothing_left(census)
    wished, proportions = named.wished, named.target.proportions
    weighed = weigh_candidates(census, shards, wished, proportions, recipe, base, runtime)
    languages = LanguageShares(named.target.languages, named.target.cells)

    def draw(candidates: pa.Table, config: Sample) -> Drawn:
        return draw_sample(candidates, proportions, config, recipe.seed, shares, languages)

    counted = draw_counted(
        census,
        weighed.log_weights if weighed else None,
        shards,
        named.tokenizer,
        recipe.sample,
        draw,
        runtime,
    )
    drawn = counted.drawn
    dispositions = decide_the_rest(counted.census, drawn.selection, "sample")
    return ExportPlan(
        recipe=recipe,
        fingerprint=identity,
        shards=tuple(shards),
        dispositions=dispositions,
        mixture=mixture_document(named.target, drawn.domains),
        domains=drawn.domains,
        languages=drawn.languages,
        total_variation=drawn.total_variation,
        classifiers=classifiers,
        quality=band_figures(dispositions, named.wanted, shares),
        alarms=quality_alarms(classifiers, recipe.quality),
        evaluation=make_contamination_annotator(recipe.decontamination, base).figures(),
        dedup=dedup,
        resampling=resampling_figures(weighed, dispositions, shards, recipe, runtime),
        counting=counting_figures(ratios, counted),
    )


def drop_duplicates(
    census: pa.Table, shards: list[Shard], recipe: Recipe, earlier: Earlier, runtime: Runtime
) -> tuple[pa.Table, dict[str, Any]]:
    """Return the census with duplicates dropped, and what there is to say about them."""
    if not recipe.dedup.enabled:
        return census, {}
    found: Deduplicated = runtime.run_once(
        "dedup",
        lambda store: deduplicate(
            census, shards, recipe.dedup, recipe.seed, store, runtime.mapper, earlier
        ),
        sum(shard.num_text_bytes for shard in shards),
    )
    return decide(census, found.decisions, "dedup"), found.figures
