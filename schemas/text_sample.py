"""Text of the base model that a recipe names: its data or its own output."""

from typing import Annotated

from pydantic import Field

from schemas.base import Frozen
from schemas.domain import Domain


class TextSample(Frozen):
    """Text of the base model. A text counts for the domain in its `domain` field."""

    paths: Annotated[tuple[str, ...], Field(min_length=1)]
    """JSONL, Parquet or text files with a `text` field; `path#field` names another field."""
    domain: Domain | None = None
    """The domain of texts that state none."""
    min_texts: Annotated[int, Field(ge=1)] = 100
    """Of each domain that has any: fewer do not show what a model's data was like."""
