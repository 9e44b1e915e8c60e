import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.export.order import bucket_of, cut, even_limit, shuffle_key

sizes = st.lists(st.integers(0, 500), max_size=40).map(lambda s: np.array(s, np.int64))


@settings(max_examples=100)
@given(sizes, st.integers(1, 600), st.one_of(st.none(), st.integers(1, 5)))
def test_cut_covers_every_row_once_and_keeps_the_limits(
    num_bytes: np.ndarray, max_bytes: int, max_rows: int | None
) -> None:
    ranges = cut(num_bytes, max_bytes, max_rows)
    assert [i for start, stop in ranges for i in range(start, stop)] == list(range(len(num_bytes)))
    for start, stop in ranges:
        assert stop - start == 1 or num_bytes[start:stop].sum() <= max_bytes
        assert max_rows is None or stop - start <= max_rows


@settings(max_examples=100)
@given(sizes, st.integers(1, 600))
def test_the_even_limit_is_within_the_maximum(num_bytes: np.ndarray, max_bytes: int) -> None:
    assert even_limit(num_bytes, max_bytes) <= max_bytes


def test_the_even_limit_leaves_no_small_rest() -> None:
    num_bytes = np.full(1001, 10, np.int64)
    loads = [stop - start for start, stop in cut(num_bytes, even_limit(num_bytes, 1000))]
    assert len(loads) == 11
    assert min(loads) > 0.8 * max(loads)


@settings(max_examples=100)
@given(st.integers(0, 2**64 - 1), st.integers(1, 256))
def test_buckets_are_equal_ranges_of_the_key(key: int, num_buckets: int) -> None:
    found = bucket_of(np.array([key], np.uint64), num_buckets).tolist()
    assert found == [((key >> 32) * num_buckets) >> 32]
    assert 0 <= found[0] < num_buckets


def test_keys_differ_by_seed_id_and_copy() -> None:
    keys = {shuffle_key(s, i, k) for s in (1, 2) for i in ("a", "b") for k in (0, 1)}
    assert len(keys) == 8
    assert all(0 <= key < 2**64 for key in keys)
