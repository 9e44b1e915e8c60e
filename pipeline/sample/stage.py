"""Draw the anchor corpus: which documents are kept, held out or left, and how often each is taken.

Reads the documents that survived every stage (id, domain, language, num_tokens, quality_band),
target shares of domains, of languages and quality bands where they matter, and the recipe's
`sample`; gives one decision a document and the figures of each domain and language. Always true:
the result depends on the documents, not on the order of their rows; no text of a held-out document
is kept; a domain's tokens never exceed what its documents hold times the epochs allowed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.census import RECURRING
from pipeline.errors import InputError
from pipeline.sample.counts import Counter, max_supply
from pipeline.sample.explain import Budget, explain_nothing
from pipeline.sample.feasible import feasible_shares
from pipeline.sample.fill import fill_quotas
from pipeline.sample.language_counts import count_languages
from pipeline.sample.languages import LanguageShares, language_quotas
from pipeline.sample.pool import (
    OTHER_LANGUAGE,
    Pool,
    check_candidates,
    language_places,
    make_pools,
)
from pipeline.sample.select import Copies
from schemas.manifest import DomainCounts, LanguageCounts
from schemas.recipe import Sample

CANDIDATE = ["id", "domain", "language", "num_tokens", "quality_band"]
SELECTION = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("decision", RECURRING, nullable=False),  # kept, held_out or not_sampled
        pa.field("copies", pa.int32(), nullable=False),  # 0 unless kept
        pa.field("reason", RECURRING),  # null for kept
    ]
)
# What can become of a document, as (decision, reason).
NO_TOKENS, OVER_QUOTA, NOT_IN_TARGET, OTHER_TONGUE, COPY_OF_HELD_OUT, HELD_OUT, KEPT = range(7)
FATES = (
    ("not_sampled", "no_tokens"),
    ("not_sampled", "over_quota"),
    ("not_sampled", "domain_not_in_target"),
    ("not_sampled", "language_not_in_target"),
    ("not_sampled", "copy_of_held_out"),
    ("held_out", "held_out"),
    ("kept", None),
)
ANY_LANGUAGE = LanguageShares({}, {})


@dataclass(frozen=True)
class Drawn:
    """The decisions, in the order of the candidates' rows, and the figures by domain."""

    selection: pa.Table
    domains: tuple[DomainCounts, ...]
    total_variation: float
    """Half the summed difference between achieved and feasible shares of domains."""
    languages: tuple[LanguageCounts, ...] = ()
    """Empty where no shares of languages are wanted."""


def draw_sample(
    candidates: pa.Table,
    target: Mapping[str, float],
    config: Sample,
    seed: int,
    band_shares: Mapping[str, Sequence[float]] = MappingProxyType({}),
    wanted: LanguageShares = ANY_LANGUAGE,
) -> Drawn:
    """Return which of `candidates` (CANDIDATE columns, unique ids) make up the corpus.

    `target` holds shares that sum to 1; `band_shares` those of quality bands, for domains where
    bands matter; `wanted` those of languages, if any are. Raises InputError where no document can
    be taken, and IntegrityError for an id given twice, a domain that is none or a band without a
    share.
    """
    check_candidates(candidates, band_shares)
    names = tuple(wanted.languages)
    pools = make_pools(candidates, target, config.heldout_documents, seed, names)
    supply = {
        domain: max_supply(pool, config, domain, max(1, len(names)))
        for domain, pool in pools.items()
    }
    in_all = {domain: sum(by_language) for domain, by_language in supply.items()}
    feasible = feasible_shares(target, in_all, config.tokens, config.on_shortfall)
    quotas = (
        language_quotas(feasible.quotas, supply, wanted)
        if names
        else {domain: [quota] for domain, quota in feasible.quotas.items()}
    )
    filled = {
        domain: fill_quotas(pool, quotas[domain], supply[domain], band_shares.get(domain))
        for domain, pool in pools.items()
    }
    copies = {domain: each.copies for domain, each in filled.items()}
    num_taken = sum(pool.num_taken(copies[domain]) for domain, pool in pools.items())
    if num_taken == 0:
        budget = Budget(config.tokens, feasible.total, config.on_shortfall)
        held = {domain: pool.num_available for domain, pool in pools.items()}
        raise InputError(explain_nothing(held, target, budget))
    counter = Counter(target, config, feasible, num_taken)
    domains = tuple(
        counter.count(domain, pools[domain], copies[domain], filled[domain].bands)
        for domain in pools
    )
    return Drawn(
        _selection(candidates, pools, copies, target, names),
        domains,
        sum(abs(counts.achieved - counts.feasible) for counts in domains) / 2,
        count_languages(wanted, pools, copies, quotas),
    )


def _selection(
    candidates: pa.Table,
    pools: Mapping[str, Pool],
    copies: Mapping[str, Copies],
    target: Mapping[str, float],
    languages: Sequence[str],
) -> pa.Table:
    """Return SELECTION; a document that is in no pool has no tokens, or another language."""
    num_copies = np.zeros(len(candidates), np.int32)
    is_other = language_places(candidates, languages) == OTHER_LANGUAGE
    has_tokens = candidates.column("num_tokens").to_numpy() > 0
    fates = np.where(is_other & has_tokens, OTHER_TONGUE, NO_TOKENS).astype(np.int8)
    for domain, pool in pools.items():
        left = OVER_QUOTA if target.get(domain, 0.0) > 0 else NOT_IN_TARGET
        fates[pool.rows] = np.where(copies[domain] > 0, KEPT, left)
        fates[pool.heldout] = HELD_OUT
        fates[pool.heldout_copies] = COPY_OF_HELD_OUT
        num_copies[pool.rows] = copies[domain]
    decisions, reasons = zip(*FATES, strict=True)
    columns = {
        "id": candidates.column("id"),
        "decision": pc.take(pa.array(decisions).dictionary_encode(), pa.array(fates)),
        "copies": pa.array(num_copies),
        "reason": pc.take(pa.array(reasons).dictionary_encode(), pa.array(fates)),
    }
    return pa.table(columns, schema=SELECTION)
