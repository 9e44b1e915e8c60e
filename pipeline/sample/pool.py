"""The documents of each domain: which can be drawn, in which order, and which are held out.

Reads candidates (id, domain, num_tokens, quality_band; language and log_weight where they matter);
gives pools of rows. Always true: what has tokens, and a language asked for, is in one pool, either
to draw from, held out, or set aside as a copy of one held out; what is in a pool, and in which
order, does not depend on the order of the candidates' rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import IntegrityError
from pipeline.sample.heldout import choose_heldout
from pipeline.sample.order import Rows, draw_keys, in_draw_order, weighted_keys
from schemas.document import CONTENT_DIGITS
from schemas.domain import DOMAINS

NO_BAND = -1
OTHER_LANGUAGE = -1
Languages = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Pool:
    """The documents of one domain: those to draw from, in drawing order, and those set aside."""

    rows: Rows
    num_tokens: Rows
    bands: npt.NDArray[np.int8]
    """Of quality; NO_BAND where a document is in none."""
    languages: Languages
    """Places among the languages asked for; all 0 where none are."""
    heldout: Rows
    heldout_copies: Rows
    """Not held out, but of the same text as a document that is, in this domain or another."""

    @property
    def num_available(self) -> int:
        """Tokens to draw from, counted once."""
        return int(self.num_tokens.sum())

    def available_by_band(self, num_bands: int) -> list[int]:
        """Return the tokens of each band to draw from, counted once."""
        return [int(self.num_tokens[self.bands == band].sum()) for band in range(num_bands)]

    def of_language(self, language: int) -> tuple[Rows, "Pool"]:
        """Return the places of one language's documents, and the pool of these."""
        places = np.flatnonzero(self.languages == language)
        return places, replace(
            self,
            rows=self.rows[places],
            num_tokens=self.num_tokens[places],
            bands=self.bands[places],
            languages=self.languages[places],
        )

    def num_taken(self, copies: npt.NDArray[np.int32] | npt.NDArray[np.bool_]) -> int:
        """Return the tokens of so many copies of each document to draw from."""
        return int(self.num_tokens @ copies)


def check_candidates(candidates: pa.Table, shares: Mapping[str, Sequence[float]]) -> None:
    """Raise IntegrityError for an id given twice, an unknown domain, or a band without a share.

    `shares`: of quality bands, by domain.
    """
    _check_ids(candidates.column("id"))
    unknown = sorted(set(pc.unique(candidates.column("domain")).to_pylist()) - set(DOMAINS))
    if unknown:
        raise IntegrityError(f"candidates of unknown domains: {', '.join(unknown)}")
    for domain, of_bands in shares.items():
        bands = candidates.filter(pc.equal(candidates["domain"], domain))["quality_band"]
        wanted = [band for band, share in enumerate(of_bands) if share > 0]
        if not set(pc.unique(bands).to_pylist()) <= set(wanted):
            raise IntegrityError(f"candidates of {domain} in quality bands that have no share")


def _check_ids(ids: pa.ChunkedArray) -> None:
    keys = draw_keys(ids, 0, "unique")
    order = in_draw_order(np.arange(len(ids)), keys, ids)
    tied = np.flatnonzero(np.diff(keys[order]) == 0)
    first, second = ids.take(pa.array(order[tied])), ids.take(pa.array(order[tied + 1]))
    twice = first.filter(pc.equal(first, second))
    if len(twice):
        raise IntegrityError(f"document {pc.min(twice).as_py()} stands twice among the candidates")


def language_places(candidates: pa.Table, languages: Sequence[str]) -> Languages:
    """Return the place of each candidate's language among `languages`; 0 where these are none."""
    if not languages:
        return np.zeros(len(candidates), np.int16)
    found = pc.index_in(candidates["language"].cast(pa.string()), pa.array(languages))
    return np.asarray(found.fill_null(OTHER_LANGUAGE).to_numpy(), np.int16)


def make_pools(
    candidates: pa.Table,
    target: Mapping[str, float],
    num_heldout: int,
    seed: int,
    languages: Sequence[str] = (),
) -> dict[str, Pool]:
    """Return the pool of each domain of the target or the candidates, in the order of DOMAINS.

    Documents without tokens, and those of other languages than `languages` where there are any, are
    in no pool. Nothing is held out of a domain without a share. Where
    nothing was deduplicated, texts may stand there twice: copies of held-out ones are set aside.
    """
    ids = candidates.column("id")
    keys = {purpose: draw_keys(ids, seed, purpose) for purpose in ("heldout", "sample")}
    if "log_weight" in candidates.column_names:
        weights = candidates.column("log_weight").cast(pa.float64()).to_numpy()
        keys["sample"] = weighted_keys(keys["sample"], weights)
    num_tokens = candidates.column("num_tokens").to_numpy()
    bands = candidates.column("quality_band").fill_null(NO_BAND).to_numpy()
    places = language_places(candidates, languages)
    drawable = (num_tokens > 0) & (places != OTHER_LANGUAGE)
    rows = _rows_by_domain(candidates, drawable, target)
    heldout = {
        domain: choose_heldout(members, keys["heldout"], ids, num_heldout)
        if target.get(domain, 0.0) > 0
        else members[:0]
        for domain, members in rows.items()
    }
    set_aside = _shares_content(ids, np.concatenate([*heldout.values(), np.empty(0, np.int64)]))
    return {
        domain: _make_pool(
            in_draw_order(members, keys["sample"], ids),
            heldout[domain],
            set_aside,
            num_tokens,
            bands,
            places,
        )
        for domain, members in rows.items()
    }


def _rows_by_domain(
    candidates: pa.Table, drawable: npt.NDArray[np.bool_], target: Mapping[str, float]
) -> dict[str, Rows]:
    domains = candidates.column("domain").combine_chunks()
    rows = {}
    for domain in DOMAINS:
        found = pc.equal(domains, domain).to_numpy(zero_copy_only=False)
        if domain in target or found.any():
            rows[domain] = np.flatnonzero(found & drawable)
    return rows


def _shares_content(ids: pa.ChunkedArray, heldout: Rows) -> npt.NDArray[np.bool_]:
    """Say of each candidate whether its text is that of one of the rows `heldout`."""
    chosen = pc.utf8_slice_codeunits(ids.take(pa.array(heldout)), 0, CONTENT_DIGITS)
    shared = [
        pc.is_in(pc.utf8_slice_codeunits(chunk, 0, CONTENT_DIGITS), chosen) for chunk in ids.chunks
    ]
    return np.asarray(pa.chunked_array(shared, pa.bool_()).to_numpy(), np.bool_)


def _make_pool(
    rows: Rows,
    heldout: Rows,
    set_aside: npt.NDArray[np.bool_],
    num_tokens: Rows,
    bands: npt.NDArray[np.int8],
    languages: Languages,
) -> Pool:
    """Return the pool of one domain, of which `rows` are given in drawing order."""
    drawable = rows[~set_aside[rows]]
    copies = np.setdiff1d(rows[set_aside[rows]], heldout)
    return Pool(
        drawable, num_tokens[drawable], bands[drawable], languages[drawable], heldout, copies
    )
