"""What can be checked of a recipe or a fine-tune before anything runs, in about a second.

Reads the configuration, and names and sizes of what it points at; writes nothing, and knows no
Prefect: what is wrong is said before a server is started for it.
"""

import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.acquire.world import open_world
from pipeline.catalog import load_recipe
from pipeline.config import load_config
from pipeline.errors import ConfigError, InputError
from pipeline.output import check_writable, read_build_manifest
from pipeline.plan import Plan, make_plan
from pipeline.storage.objects import is_address, local_copy
from schemas.finetune import FinetuneConfig
from schemas.recipe import Recipe, Runtime

OUTPUTS = Path("data/builds")
"""Where results go, below the current folder, when nothing else is said."""
RUNTIME_KEY = "runtime."


def load_to_run(path: Path, overrides: Sequence[str], runtime: Path | None) -> Recipe:
    """Return a recipe, with the file `runtime` in place of its section of that name, if given.

    Store and downloads stay the recipe's where the file does not give them. Overrides of
    `runtime.…` are the file's then. Raises ConfigError where either is wrong.
    """
    if runtime is None:
        return load_recipe(path, overrides)
    own = [each for each in overrides if not each.startswith(RUNTIME_KEY)]
    if any(each.startswith("runtime=") for each in own):
        raise ConfigError(f"--set runtime=… beside --runtime {runtime}: give one of them")
    others = [each.removeprefix(RUNTIME_KEY) for each in overrides if each.startswith(RUNTIME_KEY)]
    recipe, given = load_recipe(path, own), load_config(runtime, Runtime, others)
    kept = {"store", "downloads"} - given.model_fields_set
    stays = {name: getattr(recipe.runtime, name) for name in kept}
    return recipe.model_copy(update={"runtime": given.model_copy(update=stays)})


def check_recipe(
    path: Path, overrides: Sequence[str] = (), online: bool = False, runtime: Path | None = None
) -> Plan:
    """Return the plan of a recipe; raise ConfigError where it could not run as it stands.

    `online` lists the files of sources that lie elsewhere.
    """
    recipe = load_to_run(path, overrides, runtime)
    try:
        check_cluster(recipe.runtime)
    except InputError as error:
        raise ConfigError(f"{runtime or path}: {error}") from error
    try:
        if not online:
            return make_plan(recipe, base_of(path))
        with open_world(recipe.runtime.downloads, os.environ) as world:
            return make_plan(recipe, base_of(path), world)
    except InputError as error:
        raise ConfigError(f"{path}: {error}") from error


def check_build(
    path: Path, overrides: Sequence[str], output: str | None, runtime: Path | None = None
) -> Path:
    """Return the output folder of a build that can begin; raise InputError where it cannot."""
    plan = check_recipe(path, overrides, runtime=runtime)
    folder = output_folder(output, plan.recipe.name)
    check_writable(folder)
    if output is not None and is_address(output):
        from pipeline.storage.publish import check_address

        check_address(output, os.environ)
    return folder


def check_cluster(config: Runtime) -> None:
    """Raise InputError where a library is not installed that a recipe's cluster needs."""
    if config.runner != "dask":
        return
    for name in ("distributed", config.dask.cluster.partition(".")[0]):
        if importlib.util.find_spec(name) is None:
            raise InputError(
                f"runtime.dask: needs {name.replace('_', '-')}, which is not installed; install it "
                "beside the extra anchor-corpus[dask]"
            )


def output_folder(output: str | None, name: str) -> Path:
    """Return where an output is made: of one that goes to an address, in a local copy of it."""
    if output is not None and is_address(output):
        return local_copy(OUTPUTS, output)
    return Path(output) if output else OUTPUTS / name


def check_training_libraries() -> None:
    """Raise InputError where the libraries are not installed that a language model needs."""
    for name in ("torch", "transformers"):
        if importlib.util.find_spec(name) is None:
            raise InputError(
                f"needs {name}, which is not installed; install the extra anchor-corpus[train]"
            )


def check_finetune(path: Path, overrides: Sequence[str], output: str | None) -> Path:
    """Return the output folder of a fine-tune that can begin; raise InputError where it cannot."""
    config = load_config(path, FinetuneConfig, overrides)
    if isinstance(config.anchor, str):
        try:
            read_build_manifest(base_of(path) / config.anchor)
        except InputError as error:
            raise ConfigError(f"{path}: anchor: {error}") from error
    folder = Path(output) if output else OUTPUTS / config.name
    check_writable(folder)
    return folder


def is_follower(environment: Mapping[str, str]) -> bool:
    """Whether torchrun started this process and another one leads, which runs the flow."""
    return environment.get("RANK", "0") != "0"


def base_of(path: Path) -> Path:
    """Return the folder that a configuration's relative paths start from, made absolute."""
    return path.absolute().parent
