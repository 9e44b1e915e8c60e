"""The figures of each language after drawing, in the form in which the manifest states them.

Reads pools, copies and quotas; gives LanguageCounts.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.sample.explain import percent
from pipeline.sample.languages import LanguageShares
from pipeline.sample.pool import Pool
from pipeline.sample.select import Copies
from schemas.manifest import LanguageCounts

MIN_REMARKABLE = 0.001  # of the corpus, between what is asked for and what can be had


def count_languages(
    wanted: LanguageShares,
    pools: Mapping[str, Pool],
    copies: Mapping[str, Copies],
    quotas: Mapping[str, Sequence[int]],
) -> tuple[LanguageCounts, ...]:
    """Return the figures of each language that is wanted."""
    total = max(1, sum(map(sum, quotas.values())))
    num_taken = sum(pool.num_taken(copies[domain]) for domain, pool in pools.items())
    found = []
    for place, (name, share) in enumerate(wanted.languages.items()):
        parts = [(pool.of_language(place), copies[domain]) for domain, pool in pools.items()]
        num_tokens = sum(own.num_taken(taken[places]) for (places, own), taken in parts)
        num_available = sum(own.num_available for (_, own), _ in parts)
        feasible = sum(each[place] for each in quotas.values()) / total
        found.append(
            LanguageCounts(
                name=name,
                target=share,
                feasible=feasible,
                achieved=num_tokens / max(1, num_taken),
                num_available=num_available,
                num_tokens=num_tokens,
                num_documents=sum(np.count_nonzero(taken[places]) for (places, _), taken in parts),
                explanation=_explanation(share, feasible, num_available),
            )
        )
    return tuple(found)


def _explanation(target: float, feasible: float, num_available: int) -> str:
    if abs(target - feasible) <= MIN_REMARKABLE:
        return ""
    fate = "no more" if feasible < target else "as others fall short, more"
    return (
        f"the target asks for {percent(target)}; the domains wanted hold {num_available:,} tokens "
        f"in it and {fate} fits into their shares: {percent(feasible)}"
    )
