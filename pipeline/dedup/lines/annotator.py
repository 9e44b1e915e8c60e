"""The `lines` attribute: the hashes of a document's long lines, each once.

Reads the text and the domain; writes LINES. Only lines of `min_words` or more are hashed, and only
in the domains where lines are cut. Hashes are keyed by the recipe's seed, so nobody can make lines
that collide without knowing it.
"""

import unicodedata
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.buffers import cached_fold_table, text_buffers
from pipeline.fingerprint import derive_seed
from pipeline.kernels.lines import LongLines, distinct_lines, long_lines
from schemas.attributes import LINES
from schemas.recipe import Dedup

VERSION = 1


@dataclass(frozen=True)
class LinesAnnotator:
    """Writes the line hashes of every document of the domains."""

    min_words: int
    domains: tuple[str, ...]
    multiplier: int

    name = "lines"
    schema = LINES
    columns = ("text",)
    requires = ("domain",)

    @property
    def identity(self) -> Any:
        """All that the hashes depend on, besides text and domain; the order of domains does not."""
        asked = {**asdict(self), "domains": sorted(set(self.domains))}
        return {**asked, "version": VERSION, "unicode": unicodedata.unidata_version}

    def annotate(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return LINES for a batch with `id`, `text` and `domain`."""
        is_asked = pc.is_in(batch.column("domain"), pa.array(self.domains, pa.string()))
        lines = lines_of(batch.column("text").filter(is_asked), self.min_words, self.multiplier)
        hashes, firsts = distinct_lines(lines)
        counts = np.zeros(batch.num_rows, np.int64)
        counts[is_asked.to_numpy(zero_copy_only=False)] = np.diff(firsts)
        ends = pa.array(np.concatenate(([0], np.cumsum(counts))), pa.int32())
        lists = pa.ListArray.from_arrays(ends, pa.array(hashes, pa.uint64()))
        return pa.RecordBatch.from_arrays([batch.column("id"), lists], schema=LINES)


def make_lines_annotator(config: Dedup, seed: int) -> LinesAnnotator:
    """Return the annotator for a recipe's dedup; `seed` is the recipe's."""
    lines = config.lines
    return LinesAnnotator(lines.min_words, lines.domains, line_multiplier(config, seed))


def line_multiplier(config: Dedup, seed: int) -> int:
    """Return what keys the hashes of lines: an odd number; `seed` is the recipe's."""
    return derive_seed(seed if config.seed is None else config.seed, "lines") | 1


def lines_of(texts: pa.Array, min_words: int, multiplier: int) -> LongLines:
    """Return the lines of `min_words` words or more of a string array without nulls."""
    data, offsets = text_buffers(texts)
    return long_lines(data, offsets, min_words, cached_fold_table(), np.uint64(multiplier))
