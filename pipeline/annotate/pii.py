"""Personal data: e-mail addresses, public IP addresses, telephone numbers, secrets.

Reads text; writes the spans of PII: sorted, not overlapping, in code points. Nothing is masked
here (`pipeline.pii.masking`).
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline.pii.find import find_pii
from schemas.attributes import PII
from schemas.recipe import PiiKind

VERSION = 1


@dataclass(frozen=True)
class PiiAnnotator:
    """Finds the kinds of personal data that a recipe names."""

    kinds: tuple[PiiKind, ...]
    name: str = "pii"
    schema: pa.Schema = PII
    columns: tuple[str, ...] = ("text",)
    requires: tuple[str, ...] = ()

    @property
    def identity(self) -> Any:
        """The order of the kinds makes no difference."""
        return [VERSION, sorted(set(self.kinds))]

    def annotate(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return PII for a batch with `id` and `text`."""
        spans = [find_pii(text, self.kinds) for text in batch.column("text").to_pylist()]
        column = pa.array(spans, self.schema.field("pii").type)
        return pa.RecordBatch.from_arrays([batch.column("id"), column], schema=self.schema)
