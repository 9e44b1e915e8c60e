"""The fine-tune flow: a build and a task in, forgetting with and without replay out.

Run by `anchor finetune`, from Python, or by a deployment; the work is in `pipeline.replay`.
"""

import logging
import os
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.check import OUTPUTS, base_of
from pipeline.config import load_config
from pipeline.store import DEFAULT_STORE, Store
from schemas.finetune import FinetuneConfig, FinetuneManifest

logger = logging.getLogger("anchor.finetune")


@task(name="finetune", tags=["anchor"], cache_policy=NO_CACHE, persist_result=False)
def run_finetune(config: FinetuneConfig, base: Path, output: Path, store: Path) -> FinetuneManifest:
    """Train the base and every arm; what the store holds is not trained again."""
    from pipeline.replay.finetune import finetune  # torch loads here, not with the command line
    from pipeline.replay.ranks import joined

    with joined(os.environ) as ranks:
        return finetune(config, base, output, Store(store), logger.info, ranks)


def follow(config: str, output: str | None = None, overrides: list[str] | None = None) -> None:
    """Take part in the fine-tune of the process that leads, in silence and without a flow."""
    logger.disabled = True
    loaded, folder = _read(config, output, overrides)
    run_finetune.fn(loaded, base_of(Path(config)), folder, DEFAULT_STORE)


def _read(
    config: str, output: str | None, overrides: list[str] | None
) -> tuple[FinetuneConfig, Path]:
    """Return what is asked for, and the folder of the result."""
    loaded = load_config(Path(config), FinetuneConfig, overrides or [])
    return loaded, OUTPUTS / loaded.name if output is None else Path(output)


@flow(name="anchor-finetune", flow_run_name="finetune {config}", persist_result=False)
def finetune_flow(
    config: str, output: str | None = None, overrides: list[str] | None = None
) -> FinetuneManifest:
    """Fine-tune with and without replay; return the manifest of what was measured.

    Args:
        config: Path of the fine-tune file, a YAML file.
        output: Folder of the result; by default data/builds/NAME.
        overrides: Keys of the file to replace, as in `steps=100`.

    """
    from pipeline.report.page import write_report

    loaded, folder = _read(config, output, overrides)
    manifest = run_finetune(loaded, base_of(Path(config)), folder, DEFAULT_STORE)
    write_report(folder, finetune=None)
    return manifest
