"""The build flow: a recipe in, a finished anchor corpus out.

Run by `anchor build`, from Python, or by a deployment; the work itself is in `pipeline.build`.
"""

import logging
import os
import platform
import time
from datetime import UTC, datetime
from pathlib import Path

from pipeline.report.page import write_report
from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.mapper import PrefectMapper, task_runner
from flows.progress import ProgressArtifact, describe
from pipeline.build import build
from pipeline.config import load_config
from pipeline.output import write_run_record
from pipeline.runtime import Runtime
from pipeline.store import Store
from schemas.manifest import Manifest, RunRecord, StageTime
from schemas.recipe import Recipe

logger = logging.getLogger("anchor.build")


@flow(name="anchor-build", flow_run_name="build {recipe}", persist_result=False)
def build_flow(
    recipe: str, output: str | None = None, overrides: list[str] | None = None
) -> Manifest:
    """Build the anchor corpus of a recipe; return its manifest.

    Args:
        recipe: Path of the recipe, a YAML file.
        output: Folder of the finished corpus; by default data/builds/NAME.
        overrides: Keys of the recipe to replace, as in `sample.tokens=1000000`.

    """
    loaded = load_config(Path(recipe), Recipe, overrides or [])
    folder = default_output(loaded) if output is None else Path(output)
    num_workers = loaded.runtime.workers or os.cpu_count() or 1
    progress = ProgressArtifact(f"{loaded.name}-progress")

    def stage_done(stage: StageTime) -> None:
        logger.info(describe(stage))
        progress.stage_done(stage)

    started = datetime.now(UTC).isoformat(timespec="seconds")
    with task_runner(loaded.runtime, num_workers) as runner:
        runtime = Runtime(
            store=default_store(loaded),
            mapper=PrefectMapper(runner, num_workers),
            clock=time.monotonic,
            on_stage=stage_done,
        )
        manifest = build(loaded, Path(recipe).parent, folder, runtime)
    record = RunRecord(
        started=started,
        seconds=round(sum(stage.seconds for stage in runtime.stages), 3),
        workers=num_workers,
        runner=loaded.runtime.runner,
        python=platform.python_version(),
        stages=tuple(runtime.stages),
    )
    write_run_record(folder, record)
    write_report(folder, finetune=None)
    _show_mixture(manifest)
    progress.finish(f"{manifest.num_documents} documents, {manifest.num_tokens} tokens")
    return manifest


def default_output(recipe: Recipe) -> Path:
    """Return where a build goes when nothing else is said."""
    return Path("data/builds") / recipe.name


def default_store(recipe: Recipe) -> Store:
    """Return the store that the recipe names, or data/store below the current folder."""
    return Store(Path(recipe.runtime.store or "data/store"))


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
    create_table_artifact(
        table=rows, key=f"{manifest.name}-mixture", description="Target and achieved mixture"
    )
