"""The text that a recipe resamples towards: what there is of it, and its n-grams.

Reads the files of `sample.towards`. Always true: of two halves, which one a text is in depends on
the text alone, so that copies of it are not in both.
"""

import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.resample.shards import count_texts
from pipeline.resample.weights import NUM_BUCKETS, Counts
from pipeline.text_sample import check_domains, read_texts, sample_digests
from pipeline.text_sample import count_texts as count_by_domain
from schemas.recipe import Towards

KEY = "sample.towards"
HALVES = 2


@dataclass(frozen=True)
class Wished:
    """What a recipe resamples towards; nothing where it has no `sample.towards`."""

    config: Towards | None = None
    num_texts: Mapping[str, int] = field(default_factory=dict)
    """By domain; of those that the mixture asks for."""
    digests: tuple[str, ...] = ()
    """Of the files."""

    @property
    def identity(self) -> Any:
        """The texts, by content: they take part in a build's fingerprint."""
        return list(self.digests)

    @property
    def domains(self) -> list[str]:
        """The domains that are resampled; the number of one is its place here."""
        return list(self.num_texts)


def resolve_towards(config: Towards | None, target: Collection[str], base: Path) -> Wished:
    """Return what a recipe resamples towards; paths are relative to `base`.

    Raises ConfigError or InputError for text that will not do, and where none of it is of a domain
    of the `target`.
    """
    if config is None:
        return Wished()
    counts = count_by_domain(config, base, KEY)
    check_domains(KEY, counts, target)
    asked = {domain: count for domain, count in counts.items() if domain in target}
    return Wished(config, asked, sample_digests(config, base, KEY))


def count_halves(wished: Wished, base: Path) -> Counts:
    """Return the n-grams of the texts: int64, shape (halves, domains, buckets)."""
    groups = {domain: group for group, domain in enumerate(wished.domains)}
    counts = np.zeros((HALVES, len(groups), NUM_BUCKETS), np.int64)
    if wished.config is None:
        return counts
    for domains, texts in read_texts(wished.config, base, KEY):
        own = np.array([groups.get(domain, -1) for domain in domains], np.int32)
        half = np.array([zlib.crc32(text.encode()) % HALVES for text in texts])
        copies = (half == np.arange(HALVES)[:, None]).astype(np.int32)
        count_texts(pa.array(texts, pa.string()), own, copies, counts)
    return counts
