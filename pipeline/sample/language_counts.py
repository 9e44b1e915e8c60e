"""The figures of each language after drawing, in the form in which the manifest states them.

Reads what cells give and quotas; gives LanguageCounts.
"""

from collections.abc import Mapping, Sequence

from pipeline.sample.cells import Counts
from pipeline.sample.explain import percent
from pipeline.sample.fill import Filled
from pipeline.sample.languages import LanguageShares
from schemas.manifest import LanguageCounts

MIN_REMARKABLE = 0.001  # of the corpus, between what is asked for and what can be had


def count_languages(
    wanted: LanguageShares, filled: Filled, quotas: Mapping[str, Sequence[int]]
) -> tuple[LanguageCounts, ...]:
    """Return the figures of each language that is wanted."""
    total = max(1, sum(map(sum, quotas.values())))
    taken, available, documents = (
        _by_language(filled, by_cell)
        for by_cell in (filled.taken, filled.available, filled.documents)
    )
    found = []
    for place, (name, share) in enumerate(wanted.languages.items()):
        feasible = sum(each[place] for each in quotas.values()) / total
        found.append(
            LanguageCounts(
                name=name,
                target=share,
                feasible=feasible,
                achieved=taken[place] / max(1, sum(taken)),
                num_available=available[place],
                num_tokens=taken[place],
                num_documents=documents[place],
                explanation=_explanation(share, feasible, available[place]),
            )
        )
    return tuple(found)


def _by_language(filled: Filled, by_cell: Counts) -> list[int]:
    return [int(tokens) for tokens in by_cell.reshape(filled.axes.shape).sum(axis=(0, 2))]


def _explanation(target: float, feasible: float, num_available: int) -> str:
    if abs(target - feasible) <= MIN_REMARKABLE:
        return ""
    fate = "no more" if feasible < target else "as others fall short, more"
    return (
        f"the target asks for {percent(target)}; the domains wanted hold {num_available:,} tokens "
        f"in it and {fate} fits into their shares: {percent(feasible)}"
    )
