"""Token counts of the text as it will be exported: with personal data masked.

Reads text and the attribute `pii`; writes `num_tokens`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.fingerprint import file_sha256
from pipeline.pii.masking import mask
from pipeline.tokens import BYTES_RULE, count_tokens, load_tokenizer, locate_tokenizer
from schemas.attributes import TOKENS

VERSION = 1


@dataclass(frozen=True)
class TokensAnnotator:
    """Counts with `bytes/4` or with the tokenizer.json at the path `tokenizer`."""

    tokenizer: str
    tokenizer_digest: str  # stands for the file: where it lies makes no difference
    name: str = "tokens"
    schema: pa.Schema = TOKENS
    columns: tuple[str, ...] = ("text",)
    requires: tuple[str, ...] = ("pii",)

    @property
    def identity(self) -> Any:
        """The tokenizer's content."""
        return [VERSION, self.tokenizer_digest]

    def annotate(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return TOKENS for a batch with `id`, `text` and `pii`."""
        texts, spans = batch.column("text").to_pylist(), batch.column("pii").to_pylist()
        masked = [mask(text, found) for text, found in zip(texts, spans, strict=True)]
        counts = pa.array(count_tokens(masked, self.tokenizer), pa.int64())
        return pa.RecordBatch.from_arrays([batch.column("id"), counts], schema=self.schema)


def make_tokens_annotator(tokenizer: str, base: Path) -> TokensAnnotator:
    """Return the annotator for a recipe's `sample.tokenizer`; paths are relative to `base`.

    Raises ConfigError where the path leads to no tokenizer.
    """
    if tokenizer == BYTES_RULE:
        return TokensAnnotator(BYTES_RULE, BYTES_RULE)
    path = locate_tokenizer(tokenizer, base)
    load_tokenizer(path)
    return TokensAnnotator(path, file_sha256(Path(path)))
