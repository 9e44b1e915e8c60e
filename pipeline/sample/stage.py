"""Draw the anchor corpus: which documents are kept, held out or left, and how often each is taken.

Reads the documents that survived every stage (id, domain, language, num_tokens, quality_band and,
where some are to be drawn before others, log_weight), target shares of domains, of languages and
quality bands where they matter, and the recipe's `sample`; gives one decision a document and the
figures of each domain and language. Candidates are gone through some four times and held nowhere,
so memory does not grow with them. Always true: the result depends on the documents, not on the
order of their rows nor on the batches they come in; no text of a held-out document is kept; a
domain's tokens never exceed what its documents hold times the epochs allowed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa

from pipeline.errors import InputError
from pipeline.sample.cells import Axes, Batches, batches_of_table
from pipeline.sample.counts import Counter, max_supply
from pipeline.sample.decisions import SELECTION, Decisions
from pipeline.sample.edge import Bounds, count_tokens, find_edges, whole_ranges
from pipeline.sample.explain import Budget, explain_nothing
from pipeline.sample.feasible import Feasible, feasible_shares
from pipeline.sample.fill import fill_cells, quotas_by_cell, rests_of
from pipeline.sample.language_counts import count_languages
from pipeline.sample.languages import LanguageShares, language_quotas
from pipeline.sample.survey import survey
from schemas.manifest import DomainCounts, LanguageCounts
from schemas.recipe import Sample

ANY_LANGUAGE = LanguageShares({}, {})
ANY_BANDS: Mapping[str, Sequence[float]] = MappingProxyType({})


@dataclass(frozen=True)
class Draw:
    """What decides about each candidate, and the figures by domain."""

    decisions: Decisions
    domains: tuple[DomainCounts, ...]
    languages: tuple[LanguageCounts, ...]
    """Empty where no shares of languages are wanted."""

    @property
    def total_variation(self) -> float:
        """Half the summed difference between achieved and feasible shares of domains."""
        return sum(abs(counts.achieved - counts.feasible) for counts in self.domains) / 2


@dataclass(frozen=True)
class Drawn:
    """The decisions, in the order of the candidates' rows, and the figures as in Draw."""

    selection: pa.Table
    domains: tuple[DomainCounts, ...]
    total_variation: float
    languages: tuple[LanguageCounts, ...] = ()


def draw_sample(
    candidates: pa.Table,
    target: Mapping[str, float],
    config: Sample,
    seed: int,
    band_shares: Mapping[str, Sequence[float]] = ANY_BANDS,
    wanted: LanguageShares = ANY_LANGUAGE,
) -> Drawn:
    """Return the decisions about candidates that are in memory; otherwise as `draw`."""
    batches = batches_of_table(candidates)
    drawn = draw(batches, target, config, seed, band_shares, wanted)
    decided = [drawn.decisions.decide(batch) for batch in batches()]
    selection = pa.Table.from_batches(decided, SELECTION).unify_dictionaries()
    return Drawn(selection, drawn.domains, drawn.total_variation, drawn.languages)


def draw(
    batches: Batches,
    target: Mapping[str, float],
    config: Sample,
    seed: int,
    band_shares: Mapping[str, Sequence[float]] = ANY_BANDS,
    wanted: LanguageShares = ANY_LANGUAGE,
    bounds: Bounds = Bounds(),  # noqa: B008 - it is frozen
) -> Draw:
    """Return what decides which candidates (CANDIDATE columns, unique ids) make up the corpus.

    `target` holds shares that sum to 1; `band_shares` those of quality bands, for domains where
    bands matter; `wanted` those of languages, if any are. `bounds` changes memory and time alone.
    Raises InputError where no document can be taken, and IntegrityError for an id given twice, a
    domain that is none or a band without a share.
    """
    axes = Axes(tuple(wanted.languages), band_shares)
    known = survey(batches, axes, target, config.heldout_documents, seed)
    counted = count_tokens(batches, known, whole_ranges(axes.num_cells), bounds)
    available = counted.tokens.sum(axis=1)
    supply = {domain: max_supply(axes, available, config, domain) for domain in known.domains}
    in_all = {domain: sum(by_language) for domain, by_language in supply.items()}
    feasible = feasible_shares(target, in_all, config.tokens, config.on_shortfall)
    quotas = _by_language(feasible, supply, wanted)
    in_cells = quotas_by_cell(axes, available, quotas)
    edges = find_edges(batches, known, counted, rests_of(in_cells, available), bounds)
    documents = counted.documents.sum(axis=1)
    filled = fill_cells(axes, edges, in_cells, supply, available, documents)
    if not filled.taken.any():
        budget = Budget(config.tokens, feasible.total, config.on_shortfall)
        held = {d: int(axes.of_domain(available, d).sum()) for d in known.domains}
        raise InputError(explain_nothing(held, target, budget))
    counter = Counter(target, config, feasible, filled)
    return Draw(
        Decisions(known, target, edges, filled),
        tuple(
            counter.count(domain, len(known.held_out.ids[domain]), in_cells.bands.get(domain))
            for domain in known.domains
        ),
        count_languages(wanted, filled, quotas),
    )


def _by_language(
    feasible: Feasible, supply: Mapping[str, Sequence[int]], wanted: LanguageShares
) -> dict[str, list[int]]:
    """Return the quotas of each domain by language, of which there is one where none is wanted."""
    if wanted.languages:
        return language_quotas(feasible.quotas, supply, wanted)
    return {domain: [quota] for domain, quota in feasible.quotas.items()}
