"""Personal data: e-mail addresses, public IP addresses, telephone numbers, secrets.

Reads text; writes the spans of PII: sorted, not overlapping, in code points. Nothing is masked
here (`pipeline.masking`). Precision comes first: a masked version number is a loss too.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline.annotate.pii_contact import find_emails, find_ips, find_phones
from pipeline.annotate.pii_secret import find_secrets
from pipeline.masking import Span
from schemas.attributes import PII
from schemas.recipe import PiiKind

VERSION = 1

Finder = Callable[[str], Iterator[tuple[int, int]]]

# Where two kinds claim the same characters, the first of these keeps them.
FINDERS: dict[PiiKind, Finder] = {
    "secret": find_secrets,
    "email": find_emails,
    "ip": find_ips,
    "phone": find_phones,
}


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


def find_pii(text: str, kinds: tuple[PiiKind, ...]) -> list[Span]:
    """Return the spans of personal data of the given kinds, in time linear in the text."""
    found: list[Span] = []
    for kind, finder in FINDERS.items():
        if kind in kinds:
            found += (Span(start=start, end=end, kind=kind) for start, end in finder(text))
    ranks = {kind: rank for rank, kind in enumerate(FINDERS)}
    return _without_overlaps(sorted(found, key=lambda s: (s["start"], ranks[s["kind"]])))


def _without_overlaps(spans: list[Span]) -> list[Span]:
    """Return sorted spans, those that share characters joined under the kind of the first."""
    joined: list[Span] = []
    for span in spans:
        if joined and span["start"] < joined[-1]["end"]:
            joined[-1]["end"] = max(joined[-1]["end"], span["end"])
        else:
            joined.append(span)
    return joined
