"""Language: which one a document is written in, and how sure that is.

Reads text; writes `language` and `language_confidence` for every document, code included. The
model is the one that py3langid carries (140 languages, naive Bayes over byte n-grams; Lui and
Baldwin 2012, "langid.py"), so nothing is fetched. Codes are ISO 639-1 where there is one, else
ISO 639-3; `zxx` is text without language, `und` text that tells nothing.
"""

import importlib.metadata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from py3langid.langid import LanguageIdentifier

from schemas.attributes import LANGUAGE

VERSION = 1
UNDETERMINED = "und"

# Five pieces of 200 characters gave the same share of right answers as whole texts on the 128
# UDHR translations whose language the model knows, at eight times the speed.
NUM_PIECES = 5
PIECE_CHARACTERS = 200

# A text without a known feature gets the same probability for every language: at most 2 in 142.
MIN_EVIDENCE = 0.02


@dataclass(frozen=True)
class LanguageAnnotator:
    """Names the language of each document."""

    name: str = "language"
    schema: pa.Schema = LANGUAGE
    columns: tuple[str, ...] = ("text",)
    requires: tuple[str, ...] = ()

    @property
    def identity(self) -> Any:
        """The model travels with its package, so the package's version stands for it."""
        return [VERSION, importlib.metadata.version("py3langid"), NUM_PIECES, PIECE_CHARACTERS]

    def annotate(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return LANGUAGE for a batch with `id` and `text`."""
        guesses = [identify_language(text) for text in batch.column("text").to_pylist()]
        languages = [language for language, _ in guesses]
        confidences = np.array([confidence for _, confidence in guesses], dtype=np.float32)
        return pa.RecordBatch.from_arrays(
            [batch.column("id"), pa.array(languages, pa.string()), pa.array(confidences)],
            schema=self.schema,
        )


def identify_language(text: str) -> tuple[str, float]:
    """Return the language code of a text, and its posterior probability in [0, 1].

    The probability is rounded to three places: the last bits of a float32 product depend on the
    machine's linear algebra library.
    """
    language, confidence = _identifier().classify(sample_text(text))
    if language == UNDETERMINED:
        return UNDETERMINED, 0.0
    return language, round(min(confidence, 1.0), 3)


def sample_text(text: str) -> str:
    """Return evenly spaced pieces of a text, first and last included; a short text as it is."""
    if len(text) <= NUM_PIECES * PIECE_CHARACTERS:
        return text
    last = len(text) - PIECE_CHARACTERS
    starts = [last * piece // (NUM_PIECES - 1) for piece in range(NUM_PIECES)]
    return "\n".join(text[start : start + PIECE_CHARACTERS] for start in starts)


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    """Return the bundled model with normalised probabilities, loaded once a process."""
    return LanguageIdentifier.from_model_file(
        "data/model.npz.xz", norm_probs=True, min_confidence=MIN_EVIDENCE
    )
