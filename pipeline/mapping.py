"""How the units of a stage are mapped over: handed in, as an HTTP client is handed a transport.

A mapper returns results in the order of the items, whatever order they finished in. Functions
and items must be picklable, so that any mapper will do.
"""

import concurrent.futures as futures
import heapq
import multiprocessing
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")

MAX_GROUPS = 64  # orchestrators pay per task: seconds to minutes of work each


class Mapper(Protocol):
    """Applies a function to items; `weights` (bytes) balance the load."""

    def __call__(
        self, label: str, function: Callable[[T], R], items: Sequence[T], weights: Sequence[int]
    ) -> list[R]:
        """Return `function` of each item, in order; `label` names the work for people."""


def serial_map(
    label: str, function: Callable[[T], R], items: Sequence[T], weights: Sequence[int]
) -> list[R]:
    """Map in this process, one item after the other."""
    return [function(item) for item in items]


class PoolMapper:
    """Maps on a pool of threads or processes, which it starts at first use and keeps."""

    def __init__(self, executor: futures.Executor, num_workers: int) -> None:
        self._executor = executor
        self._num_workers = num_workers

    def __call__(
        self, label: str, function: Callable[[T], R], items: Sequence[T], weights: Sequence[int]
    ) -> list[R]:
        groups = balanced_groups(weights, max_groups=min(MAX_GROUPS, 8 * self._num_workers))
        pending = [
            self._executor.submit(apply_group, function, [items[i] for i in group])
            for group in groups
        ]
        return ungroup(groups, [future.result() for future in pending], len(items))

    def close(self) -> None:
        """Stop the pool's workers."""
        self._executor.shutdown(cancel_futures=True)


def thread_mapper(num_workers: int) -> PoolMapper:
    """Return a mapper on threads."""
    return PoolMapper(futures.ThreadPoolExecutor(num_workers), num_workers)


def process_mapper(num_workers: int) -> PoolMapper:
    """Return a mapper on fresh processes (spawned: a fork would copy other threads' locks)."""
    context = multiprocessing.get_context("spawn")
    return PoolMapper(futures.ProcessPoolExecutor(num_workers, mp_context=context), num_workers)


def apply_group(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Apply `function` to each item of one group."""
    return [function(item) for item in items]


def balanced_groups(weights: Sequence[int], max_groups: int) -> list[list[int]]:
    """Split item indices into at most `max_groups` groups of similar weight, heaviest first."""
    count = min(max_groups, len(weights))
    groups: list[list[int]] = [[] for _ in range(count)]
    loads = [(0, index) for index in range(count)]
    for item in sorted(range(len(weights)), key=lambda i: (-weights[i], i)):
        load, group = heapq.heappop(loads)
        groups[group].append(item)
        heapq.heappush(loads, (load + weights[item] + 1, group))
    return groups


def ungroup(groups: Sequence[Sequence[int]], results: Sequence[Sequence[R]], count: int) -> list[R]:
    """Put the results of groups back into the order of the items."""
    placed: dict[int, R] = {}
    for group, values in zip(groups, results, strict=True):
        placed.update(zip(group, values, strict=True))
    return [placed[index] for index in range(count)]
