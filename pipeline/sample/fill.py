"""The documents of one domain that fill its quotas of languages and quality bands.

Reads a pool, quotas by language and shares of bands; gives copies. Bands hold within each language.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.sample.bands import BandQuotas, band_quotas, choose_copies_by_band
from pipeline.sample.pool import Pool
from pipeline.sample.select import Copies, choose_copies


class Filled(NamedTuple):
    """How often each document of the pool is taken, and the quotas of bands where these matter."""

    copies: Copies
    bands: BandQuotas | None


def fill_quotas(
    pool: Pool, quotas: Sequence[int], supply: Sequence[int], shares: Sequence[float] | None
) -> Filled:
    """Return what to take for the quota of each language; `supply` bounds what each can give.

    `shares`: of quality bands, where they matter.
    """
    copies = np.zeros(len(pool.rows), np.int32)
    by_band = np.zeros(len(shares or ()), np.int64)
    for language, (quota, most) in enumerate(zip(quotas, supply, strict=True)):
        places, own = pool.of_language(language)
        if shares:
            wanted = band_quotas(shares, own.available_by_band(len(shares)), quota)
            copies[places] = choose_copies_by_band(own, wanted, most)
            by_band += wanted.quotas
        else:
            copies[places] = choose_copies(own.num_tokens, quota, most)
    bands = BandQuotas(tuple(shares), tuple(by_band.tolist())) if shares else None
    return Filled(copies, bands)
