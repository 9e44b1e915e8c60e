"""The drawing order: a pure function of seed, purpose and id."""

from random import Random

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.fingerprint import derive_seed
from pipeline.sample.heldout import HeldOutChoice
from pipeline.sample.order import draw_keys, in_draw_order

MASK = (1 << 64) - 1
GOLDEN = ["969f92c0cf783ba7", "ab116a5ac10a2884", "b4055bd3d531dc5f"]


def splitmix64(state: int) -> int:
    """One step of SplitMix64 on Python's integers."""
    state = (state + 0x9E3779B97F4A7C15) & MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
    return state ^ (state >> 31)


def slow_key(text: str, seed: int, purpose: str) -> int:
    content = text.encode()
    state = derive_seed(seed, purpose)
    for start in range(0, len(content), 8):
        word = content[start : start + 8].ljust(8, b"\0")
        state = splitmix64(state ^ int.from_bytes(word, "little"))
    return splitmix64(state ^ len(content))


@settings(max_examples=100)
@given(st.lists(st.text(max_size=30)), st.integers(0, 2**40))
def test_keys_equal_the_slow_reference(texts: list[str], seed: int) -> None:
    keys = draw_keys(pa.array(texts, pa.string()), seed, "sample")
    assert keys.tolist() == [slow_key(text, seed, "sample") for text in texts]
    large = draw_keys(pa.array(["cut", *texts], pa.large_string())[1:], seed, "sample")
    assert large.tolist() == keys.tolist()


def test_keys_are_the_same_on_every_machine() -> None:
    keys = draw_keys(pa.array(["", "a", "0123456789abcdef"]), 0, "sample")
    assert [f"{key:016x}" for key in keys.tolist()] == GOLDEN


def test_keys_are_spread_evenly_and_differ_by_seed_and_purpose() -> None:
    ids = pa.array([f"document-{i}" for i in range(20_000)])
    keys = draw_keys(ids, 0, "sample")
    assert len(np.unique(keys)) == len(keys)
    counts = np.bincount((keys >> np.uint64(60)).astype(np.int64), minlength=16)
    assert np.abs(counts - 1250).max() < 5 * 1250**0.5
    for other in (draw_keys(ids, 1, "sample"), draw_keys(ids, 0, "heldout")):
        assert abs(np.corrcoef(keys.astype(float), other.astype(float))[0, 1]) < 0.04


def heldout_of(ids: list[str], num_wanted: int, seed: int) -> set[str]:
    choice = HeldOutChoice(num_wanted)
    for part in (ids[:7], ids[7:]):
        texts = pa.array(part, pa.string())
        choice.add(texts, draw_keys(texts, seed, "heldout"), np.arange(len(texts)))
    return set(choice.chosen().to_pylist())


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.text(max_size=3)), max_size=30, unique=True), st.data()
)
def test_the_order_is_by_key_and_id(documents: list[tuple[int, str]], data: st.DataObject) -> None:
    keys = np.array([key for key, _ in documents], np.uint64)
    ids = pa.array([text for _, text in documents], pa.string())
    rows = data.draw(st.lists(st.sampled_from(range(len(documents))), unique=True)) if ids else []
    order = in_draw_order(np.array(rows, np.int64), keys, ids)
    assert order.tolist() == sorted(rows, key=lambda row: documents[row])


@settings(max_examples=50)
@given(st.integers(0, 300), st.integers(0, 50), st.randoms(use_true_random=False))
def test_heldout_documents_do_not_depend_on_their_rows(
    num_documents: int, wanted: int, random: Random
) -> None:
    ids = [f"d{i}" for i in range(num_documents)]
    chosen = heldout_of(ids, wanted, seed=1)
    assert len(chosen) == min(wanted, num_documents // 10)
    assert heldout_of(random.sample(ids, len(ids)), wanted, seed=1) == chosen


def test_more_heldout_documents_include_the_fewer() -> None:
    ids = [f"d{i}" for i in range(1000)]
    assert heldout_of(ids, 20, seed=5) < heldout_of(ids, 60, seed=5)
