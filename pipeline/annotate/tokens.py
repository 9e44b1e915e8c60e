"""Token counts by rule of thumb, of the text as it will be exported: with personal data masked.

Reads text and the attribute `pii`; writes `num_tokens`: bytes/4. What a tokenizer that the recipe
names would say costs a hundred times as much, and is counted later, of few (`pipeline.count`).
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline.pii.masking import mask
from pipeline.tokens import BYTES_RULE, count_tokens
from schemas.attributes import TOKENS

VERSION = 1


@dataclass(frozen=True)
class TokensAnnotator:
    """Counts with `bytes/4`."""

    name = "tokens"
    schema = TOKENS
    columns = ("text",)
    requires = ("pii",)

    @property
    def identity(self) -> Any:
        """The rule and its version."""
        return [VERSION, BYTES_RULE]

    def annotate(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return TOKENS for a batch with `id`, `text` and `pii`."""
        texts, spans = batch.column("text").to_pylist(), batch.column("pii").to_pylist()
        masked = [mask(text, found) for text, found in zip(texts, spans, strict=True)]
        counts = pa.array(count_tokens(masked, BYTES_RULE), pa.int64())
        return pa.RecordBatch.from_arrays([batch.column("id"), counts], schema=TOKENS)
