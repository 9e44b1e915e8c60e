"""Quotas by language within each domain.

Reads the domains' quotas, the shares wanted of languages and what each domain holds of each; gives
quotas in whole tokens. Where no table of domain by language is known, the one of the tokens at hand
is raked to both margins. Always true: a domain's quotas sum to its own quota, and no quota exceeds
what is there; so domains come first, and languages are as near as that allows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from pipeline.sample.feasible import nearest_quotas
from pipeline.sample.raking import rake

Table = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LanguageShares:
    """What is wanted: shares of languages (above zero, sum 1), and by domain where known."""

    languages: Mapping[str, float]
    cells: Mapping[tuple[str, str], float]
    """Of domain and language."""


def language_quotas(
    quotas: Mapping[str, int], supply: Mapping[str, Sequence[int]], wanted: LanguageShares
) -> dict[str, list[int]]:
    """Return the quota of each language by domain, in the order of `wanted.languages`.

    `quotas`: of domains, each within its `supply`, which counts repetitions in.
    """
    domains, names = list(quotas), list(wanted.languages)
    room = np.array([supply[domain] for domain in domains], np.int64).reshape(-1, len(names))
    rows = np.array([quotas[domain] for domain in domains], np.int64)
    columns = _columns(rows, room, wanted)
    seed = _seed(domains, room, wanted)
    raked = rake(seed, rows.astype(float), columns, room.astype(float))
    return {
        domain: _whole(cells, caps, int(quota))
        for domain, cells, caps, quota in zip(domains, raked.table, room, rows, strict=True)
    }


def _columns(rows: Table, room: Table, wanted: LanguageShares) -> npt.NDArray[np.float64]:
    """Return what is wanted of each language, within what the domains' quotas leave for it."""
    most = np.minimum(room, rows[:, None]).sum(axis=0)
    weights = {name: Fraction(share) for name, share in wanted.languages.items()}
    exact = nearest_quotas(weights, dict(zip(weights, most.tolist(), strict=True)), int(rows.sum()))
    return np.array([float(exact.get(name, 0)) for name in weights])


def _seed(domains: Sequence[str], room: Table, wanted: LanguageShares) -> npt.NDArray[np.float64]:
    """Return the table that is known of domains and languages, or what is at hand.

    Cells of which nothing is known have a little of it, so that quotas can be filled from there.
    """
    if not wanted.cells:
        return room.astype(float)
    known = [[wanted.cells.get((d, name), 0.0) for name in wanted.languages] for d in domains]
    return np.asarray(np.maximum(np.array(known), 1e-9) * (room > 0))


def _whole(cells: npt.NDArray[np.float64], room: Table, quota: int) -> list[int]:
    """Round to whole tokens by largest remainder, within what is there."""
    floors = np.minimum(np.floor(cells).astype(np.int64), room)
    for place in np.argsort(floors - cells, kind="stable"):
        missing = quota - int(floors.sum())
        if missing <= 0:
            break
        floors[place] += min(missing, 1, int(room[place] - floors[place]))
    for place in np.argsort(floors - room, kind="stable"):
        missing = quota - int(floors.sum())
        floors[place] += min(max(missing, 0), int(room[place] - floors[place]))
    return [int(each) for each in floors]
