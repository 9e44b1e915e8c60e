"""What kind of text a document is: the `domain` attribute.

Reads the text and the domain that the source states; writes a domain and its confidence. Always
true: a stated domain stays, with confidence 1; where none is stated, a fastText classifier decides
and the confidence is its probability.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.classifier.model import PREPARATION_VERSION, Model, load_model
from pipeline.errors import InputError
from schemas.attributes import DOMAIN
from schemas.domain import DOMAINS

VERSION = 1


@dataclass(frozen=True)
class DomainAnnotator:
    """Classifies documents of sources that say `domain: auto`; other sources need no model."""

    model_path: Path | None
    model_sha256: str | None

    name = "domain"
    schema = DOMAIN
    columns = ("text", "domain", "source")
    requires = ()

    @property
    def identity(self) -> Any:
        return {
            "version": VERSION,
            "preparation": PREPARATION_VERSION,
            "model": self.model_sha256,
        }

    def annotate(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the attribute.

        Raises InputError where a document needs a classifier and there is none, or where the
        classifier's labels are not domains.
        """
        domains = batch.column("domain").to_pylist()
        confidences = np.ones(len(domains), np.float32)
        unknown = [row for row, domain in enumerate(domains) if domain is None]
        if unknown:
            model = self._model(batch.column("source")[unknown[0]].as_py())
            probabilities = model.predict(batch.column("text").take(pa.array(unknown)))
            confidences[unknown] = probabilities.max(axis=1)
            for row, label in zip(unknown, probabilities.argmax(axis=1), strict=True):
                domains[row] = model.labels[label]
        columns = [batch.column("id"), pa.array(domains, pa.string()), pa.array(confidences)]
        return pa.RecordBatch.from_arrays(columns, schema=DOMAIN)

    def _model(self, source: str) -> Model:
        if self.model_path is None or self.model_sha256 is None:
            raise InputError(
                f"source {source} says `domain: auto` and there is no labelled source to learn "
                "from; state its domain, label at least two other sources of different domains, "
                "or give domain_classifier.model"
            )
        model = load_model(self.model_path, self.model_sha256)
        strange = [label for label in model.labels if label not in DOMAINS]
        if strange:
            raise InputError(
                f"{self.model_path}: labels {', '.join(strange)} are no domains; "
                f"known: {', '.join(DOMAINS)}"
            )
        return model
