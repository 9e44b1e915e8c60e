"""A mapper that gives each group of units to Prefect as one task.

Tasks of seconds to minutes, a few for each worker and stage, never one a document. Prefect's
caching is off: identity is the store's. Retries are for reading input only, and for I/O errors
only: a wrong document does not get better by asking twice.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner
from prefect.tasks import Task

from pipeline.mapping import apply_group, balanced_groups, ungroup
from schemas.recipe import Runtime as RuntimeConfig

T = TypeVar("T")
R = TypeVar("R")

GROUPS_PER_WORKER = 4
READING_STAGES = {"normalize"}
"""The stages that read what lies outside the store."""


class Group:
    """A function and the items of one task; opaque to Prefect, which would walk into a list."""

    def __init__(self, function: Callable[[Any], Any], items: Sequence[Any]) -> None:
        self.function = function
        self.items = items


def is_io_error(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Tell whether a task failed in reading or writing, so that trying again may help."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, OSError)


@task(
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_delay_seconds=2,
    retry_condition_fn=is_io_error,
)
def work_on(group: Group) -> list[Any]:
    """Apply a stage's function to a group of units."""
    return apply_group(group.function, group.items)


class PrefectMapper:
    """Maps a stage over its units as Prefect tasks on a task runner.

    `on_done` is told how many units each task held when it ends, from any thread.
    """

    def __init__(
        self, runner: TaskRunner[Any], num_workers: int, on_done: Callable[[int], None]
    ) -> None:
        self._runner = runner
        self._num_workers = num_workers
        self._on_done = on_done

    def __call__(
        self, label: str, function: Callable[[T], R], items: Sequence[T], weights: Sequence[int]
    ) -> list[R]:
        groups = balanced_groups(weights, self._num_workers * GROUPS_PER_WORKER)
        stage = work_on.with_options(
            name=label,
            task_run_name=label,
            tags=["anchor", f"stage:{label}"],
            retries=3 if label in READING_STAGES else 0,
        )
        pending = []
        for group in groups:
            work = Group(function, [items[i] for i in group])
            future = self._runner.submit(stage, {"group": work})
            future.add_done_callback(partial(self._count, len(group)))
            pending.append(future)
        return ungroup(groups, [future.result() for future in pending], len(items))

    def _count(self, num_items: int, future: PrefectFuture[Any]) -> None:
        """Report the items of a task that has ended."""
        self._on_done(num_items)


def task_runner(config: RuntimeConfig, num_workers: int) -> AbstractContextManager[TaskRunner[Any]]:
    """Return the task runner that a recipe's runtime asks for, not yet started."""
    if config.runner == "processes":
        return ProcessPoolTaskRunner(max_workers=num_workers)
    return ThreadPoolTaskRunner(max_workers=1 if config.runner == "serial" else num_workers)
