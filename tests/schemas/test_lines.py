"""The settings of repeated lines: what they refuse, and the switch."""

import pytest
from pydantic import ValidationError

from schemas.recipe import Dedup, Lines


def test_what_is_cut_within_a_document_is_no_shorter_than_what_is_cut_at_all() -> None:
    assert Lines(min_words=10, min_words_within=10).min_words_within == 10
    with pytest.raises(ValidationError, match="min_words_within: 9 is less than min_words, 10"):
        Lines(min_words=10, min_words_within=9)


@pytest.mark.parametrize(
    "settings", [{"min_documents": 1}, {"min_words": 0}, {"domains": ["pages"]}, {"on": True}]
)
def test_nonsense_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Lines.model_validate(settings)


def test_there_are_three_ways_to_cut_nothing() -> None:
    assert Dedup().cuts_lines
    assert not Dedup(enabled=False).cuts_lines
    assert not Dedup(lines=Lines(enabled=False)).cuts_lines
    assert not Dedup(lines=Lines(domains=())).cuts_lines
