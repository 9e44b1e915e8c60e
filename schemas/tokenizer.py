"""Tokenizers that are known: whose they are, what they were trained on, and who borrows them.

Read from data/tokenizers/known.yaml.
"""

from typing import Annotated

from pydantic import Field

from schemas.base import Frozen
from schemas.mixture import Mark


class KnownTokenizer(Frozen):
    """One tokenizer."""

    title: str
    first: Annotated[tuple[str, ...], Field(min_length=12)]
    """The first tokens that its merges make, as they stand in text, but for runs of spaces."""
    trained_on: str
    """What is known about the text, in words."""
    used_by: tuple[str, ...] = ()
    """Models whose makers took it over, whole or with tokens added."""
    mark: Mark
    """How `trained_on` and `used_by` reached us."""


class KnownTokenizers(Frozen):
    """The file of them."""

    tokenizers: tuple[KnownTokenizer, ...]
