"""Components against a slow flood fill."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.unionfind import components

NODES = 12
EDGES = st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)), max_size=20)


def components_by_hand(edges: list[tuple[int, int]]) -> list[int]:
    label = list(range(NODES))
    for _ in range(NODES):
        for left, right in edges:
            label[left] = label[right] = min(label[left], label[right])
    return label


@settings(max_examples=200, deadline=None)
@given(EDGES)
def test_a_component_is_named_by_its_smallest_node(edges: list[tuple[int, int]]) -> None:
    left = np.array([a for a, _ in edges], np.int64)
    right = np.array([b for _, b in edges], np.int64)
    assert components(left, right, NODES).tolist() == components_by_hand(edges)
