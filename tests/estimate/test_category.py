"""Text of a category is thinned out evenly, the same way every time."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from pipeline.estimate.category import MAX_SEARCH, PORTION_CHARACTERS, Category

DOCUMENTS = st.lists(st.text("ab c", max_size=40_000), max_size=12)


def portions(documents: list[str], max_bytes: int) -> list[str]:
    category = Category("books", max_bytes)
    for document in documents:
        category.add(document)
    return category.portions


@given(DOCUMENTS)
def test_all_text_stays_where_there_is_room(documents: list[str]) -> None:
    found = portions(documents, 10**9)
    assert "".join(found) == "".join(documents)
    assert all(len(portion) <= PORTION_CHARACTERS + MAX_SEARCH for portion in found)


@given(DOCUMENTS, st.integers(1, 200_000))
def test_what_stays_fits_and_keeps_its_order(documents: list[str], max_bytes: int) -> None:
    numbered = [f"{number}:{document}" for number, document in enumerate(documents)]
    whole, found = portions(numbered, 10**9), portions(numbered, max_bytes)
    assert len(found) <= 1 or sum(len(portion.encode()) for portion in found) <= max_bytes
    places = iter(whole)
    assert all(portion in places for portion in found)
    assert bool(found) == bool(whole)
    assert found == portions(numbered, max_bytes)


def test_memory_is_bounded_and_the_sample_spread_over_all_text() -> None:
    category = Category("code", 100_000)
    for number in range(2_000):
        category.add(f"{number:04d} " + "x" * 1_000)
        assert sum(portion.num_bytes for portion in category._held) <= 2 * 100_000 + 2_000
    kept = [int(portion[:4]) for portion in category.portions]
    assert 80 <= len(kept) <= 100
    assert max(b - a for a, b in itertools.pairwise(kept)) < 300
    assert category.num_bytes_read == 2_000 * 1_005
