"""Fingerprints: the same for equal content, on every machine; different otherwise."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.fingerprint import canonical_json, derive_seed, fingerprint
from schemas.recipe import Dedup

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_golden_values() -> None:
    assert fingerprint("normalize", 1, {"b": [1, None], "a": "ü"}) == (
        "81d00279ef9ff3669a9f9828ff1f61e6e94360c72354d9c8300d75b7408bc9f5"
    )
    assert derive_seed(0, "sample") == 9008225710108949422


@given(st.dictionaries(st.text(), JSON))
def test_the_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    assert canonical_json(value) == canonical_json(dict(reversed(value.items())))


@given(JSON, JSON)
def test_different_values_differ(left: object, right: object) -> None:
    same_text = canonical_json(left) == canonical_json(right)
    assert (fingerprint(left) == fingerprint(right)) == same_text


def test_models_count_by_their_fields() -> None:
    assert fingerprint(Dedup()) == fingerprint(Dedup(bands=20))
    assert fingerprint(Dedup()) != fingerprint(Dedup(bands=21))
