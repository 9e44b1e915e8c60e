"""Kernel: edges between documents → the connected component of each.

Union by smallest root with path halving (Tarjan and van Leeuwen 1984), so that a component is
named by its smallest member whatever the order of the edges.
"""

import numpy as np
from numba import njit

from pipeline.kernels.shingles import Integers


@njit(cache=True, nogil=True)
def find_root(parents: Integers, node: int) -> int:
    """Return the root of a node's tree, shortening the way to it."""
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


@njit(cache=True, nogil=True)
def components(left: Integers, right: Integers, num_nodes: int) -> Integers:
    """Return for each node the smallest node of its component: int64, shape (num_nodes,)."""
    parents = np.arange(num_nodes)
    for edge in range(left.size):
        first = find_root(parents, left[edge])
        second = find_root(parents, right[edge])
        if first < second:
            parents[second] = first
        elif second < first:
            parents[first] = second
    for node in range(num_nodes):
        parents[node] = find_root(parents, node)
    return parents
