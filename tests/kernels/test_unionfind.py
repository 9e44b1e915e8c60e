"""Components against a slow flood fill."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.unionfind import roots, unite

NODES = 12
LEADERS = st.lists(st.integers(-NODES, NODES - 1), min_size=NODES, max_size=NODES)


def components_by_hand(edges: list[tuple[int, int]]) -> list[int]:
    label = list(range(NODES))
    for _ in range(NODES):
        for left, right in edges:
            label[left] = label[right] = min(label[left], label[right])
    return label


@settings(max_examples=200)
@given(st.lists(LEADERS, max_size=4))
def test_a_component_is_named_by_its_smallest_node(bands: list[list[int]]) -> None:
    parents = np.arange(NODES, dtype=np.int32)
    for leaders in bands:
        nodes = [node for node, lead in enumerate(leaders) if lead >= 0]
        unite(parents, np.array(nodes, np.int32), np.array(leaders, np.int32)[nodes])
    edges = [(node, lead) for leaders in bands for node, lead in enumerate(leaders) if lead >= 0]
    assert roots(parents, np.arange(NODES)).tolist() == components_by_hand(edges)
