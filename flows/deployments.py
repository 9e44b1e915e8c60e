"""Scheduled builds: served from this process, or registered for the workers of a work pool.

A deployment's parameters are those of `build_flow`; the recipe stays a file, so what runs next
week is what the file says next week.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.flows import Flow

from flows.build import build_flow
from pipeline.config import load_config
from pipeline.errors import InputError
from schemas.recipe import Recipe

ENTRYPOINT = "flows/build.py:build_flow"
PROJECT = Path(__file__).resolve().parents[1]


def deploy_build(
    recipe: Path,
    name: str,
    cron: str | None,
    work_pool: str | None,
    output: Path | None,
    overrides: Sequence[str],
    say: Callable[[str], None],
) -> None:
    """Serve the recipe's builds until interrupted, or register them with `work_pool`.

    Raises InputError where the recipe is wrong, the schedule is no cron expression, or the
    work pool does not exist; the recipe is checked now, not at three in the morning.
    """
    load_config(recipe, Recipe, overrides)
    parameters: dict[str, object] = {
        "recipe": str(recipe.resolve()),
        "output": None if output is None else str(output.resolve()),
        "overrides": list(overrides),
    }
    if work_pool is None:
        say(f"Serving {name!r}; stop with Ctrl-C")
        build_flow.serve(name=name, cron=cron, parameters=parameters, print_starting_message=False)
    else:
        _register(name, cron, work_pool, parameters)
        say(f"Registered anchor-build/{name} for work pool {work_pool!r}")


def _register(name: str, cron: str | None, work_pool: str, parameters: dict[str, object]) -> None:
    source = Flow.from_source(source=str(PROJECT), entrypoint=ENTRYPOINT)
    try:
        source.deploy(  # type: ignore[union-attr]
            name=name,
            work_pool_name=work_pool,
            cron=cron,
            parameters=parameters,
            build=False,
            push=False,
            print_next_steps=False,
        )
    except (ObjectNotFound, ValueError) as error:
        raise InputError(f"deployment {name!r} for work pool {work_pool!r}: {error}") from error
    except PrefectHTTPStatusError as error:
        raise InputError(f"the Prefect server refused deployment {name!r}: {error}") from error
