"""The build flow: a recipe in, a finished anchor corpus out.

Run by `anchor build`, from Python, or by a deployment; the work itself is in `pipeline.build`. It
is imported only where it is called: a server that lists or schedules the flow needs none of it.
"""

import contextlib
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.task_runners import ThreadPoolTaskRunner

from flows.check import base_of, load_to_run, output_folder
from flows.mapper import PrefectMapper
from flows.progress import Progress, artifact_key, logger
from flows.workers import count_threads, workers
from pipeline.changes import find_changes
from pipeline.lock import locked
from pipeline.mapping import Mapper, thread_mapper
from pipeline.output import RUN_FILE, earlier_build, find_fingerprint, lock_of, write_run_record
from pipeline.runtime import Runtime
from pipeline.storage.bucket_store import open_store
from pipeline.storage.objects import is_address
from schemas.changes import Changes
from schemas.manifest import Manifest, RunRecord, StageTime
from schemas.recipe import Recipe

T = TypeVar("T")
R = TypeVar("R")


@flow(name="anchor-build", flow_run_name="build {recipe}", persist_result=False)
def build_flow(
    recipe: str,
    output: str | None = None,
    overrides: list[str] | None = None,
    runtime: str | None = None,
) -> Manifest:
    """Build the anchor corpus of a recipe; return its manifest.

    Args:
        recipe: Path of the recipe, a YAML file.
        output: Folder or address of the finished corpus; by default data/builds/NAME.
        overrides: Keys of the recipe to replace, as in `sample.tokens=1000000`.
        runtime: Path of a file in place of the recipe's runtime section, as in data/clusters.

    """
    from pipeline.report.page import write_report

    loaded = load_to_run(Path(recipe), overrides or [], Path(runtime) if runtime else None)
    folder = output_folder(output, loaded.name).absolute()
    started, last = datetime.now(UTC), find_fingerprint(folder)
    with Progress(loaded.name) as progress:
        manifest, stages, num_workers = _run(loaded, base_of(Path(recipe)), folder, progress)
        _record(loaded, folder, started, stages, num_workers, last)
        write_report(folder, finetune=None)
        if output is not None and is_address(output):
            _publish(folder, output)
        _show_mixture(manifest)
        progress.finish(f"{manifest.num_documents:,} documents, {manifest.num_tokens:,} tokens")
    return manifest


def _publish(folder: Path, address: str) -> None:
    from pipeline.storage.publish import publish

    with locked(lock_of(folder)):  # not while another run of this machine publishes or builds it
        was_sent = publish(folder, address, os.environ)
    logger.info(f"{'Published' if was_sent else 'This build is there already'}: {address}")


def _run(
    recipe: Recipe, base: Path, folder: Path, progress: Progress
) -> tuple[Manifest, Sequence[StageTime], int]:
    """Return the manifest, the times of the stages, and how many workers there were."""
    from pipeline.acquire.world import open_world
    from pipeline.build import build

    num_threads = count_threads(recipe.runtime)
    downloads = recipe.runtime.downloads
    store = open_store(recipe.runtime.store)
    store = replace(store, root=store.root.absolute())  # workers are in folders of their own
    with (
        ThreadPoolTaskRunner[Any](num_threads) as runner,
        workers(recipe.runtime, store.root, folder) as force,
        contextlib.closing(thread_mapper(downloads.workers)) as fetcher,
        open_world(downloads, os.environ) as world,
    ):
        runtime = Runtime(
            store=store,
            mapper=PrefectMapper(runner, force.apply, num_threads, progress.items_done),
            clock=time.monotonic,
            on_stage=progress.stage_done,
            world=world,
            fetcher=counting(fetcher, progress.items_done),
            on_begin=progress.stage_begun,
        )
        return build(recipe, base, folder, runtime), runtime.stages, force.count


def counting(mapper: Mapper, on_done: Callable[[int], None]) -> Mapper:
    """Return a mapper on threads that tells of each item when it is done."""

    def mapped(
        label: str, function: Callable[[T], R], items: Sequence[T], weights: Sequence[int]
    ) -> list[R]:
        def work(item: T) -> R:
            result = function(item)
            on_done(1)
            return result

        return mapper(label, work, items, weights)

    return mapped


def _record(
    recipe: Recipe,
    folder: Path,
    started: datetime,
    stages: Sequence[StageTime],
    num_workers: int,
    last: str | None,
) -> None:
    """Write the times of the run, and what it changed since the build `last`.

    Nothing is written where the output stands as an earlier run made it.
    """
    was_built = any(stage.name == "export" for stage in stages)
    if not was_built:
        logger.info("Nothing has changed since this build; it stands as it is.")
    if was_built or not (folder / RUN_FILE).exists():
        record = RunRecord(
            started=started.isoformat(timespec="seconds"),
            seconds=round(sum(stage.seconds for stage in stages), 3),
            workers=num_workers,
            runner=recipe.runtime.runner,
            python=platform.python_version(),
            stages=tuple(stages),
            changes=_changes(folder, last) if was_built else None,
        )
        write_run_record(folder, record)


def _changes(folder: Path, last: str | None) -> Changes | None:
    """Return what differs from the build `last`, which lay in the folder; None without one."""
    earlier = earlier_build(folder, last) if last else None
    return find_changes(earlier, folder) if earlier and earlier.is_dir() else None


def _show_mixture(manifest: Manifest) -> None:
    rows = [
        {
            "domain": domain.name,
            "target": f"{domain.target:.1%}",
            "achieved": f"{domain.achieved:.1%}",
            "tokens": domain.num_tokens,
            "documents": domain.num_documents,
        }
        for domain in manifest.domains
    ]
    key = artifact_key(manifest.name, "mixture")
    create_table_artifact(table=rows, key=key, description="Target and achieved mixture")
