"""The `anchor` command line. Each command loads what it needs only when it runs.

Exit codes: 0 done; 1 ran and failed; 2 the input is wrong. An error is one readable message on
stderr, never a traceback; `--debug` shows it.
"""

import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import AnchorError

DEBUG = "ANCHOR_DEBUG"

app = typer.Typer(
    help="Rebuild a stand-in for a language model's pre-training data, and replay it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _set_debug(value: bool) -> None:
    if value:
        os.environ[DEBUG] = "1"


RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe, a YAML file.")]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The output of a build.")]
Output = Annotated[
    Path | None, typer.Option("--output", metavar="DIR", help="Default: data/builds/NAME.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace a key, as in sample.tokens=1000000."),
]
Debug = Annotated[
    bool, typer.Option("--debug", callback=_set_debug, help="Show the traceback of an error.")
]


@app.command()
def build(
    recipe: RecipeFile,
    output: Output = None,
    overrides: Overrides = None,
    debug: Debug = False,
) -> None:
    """Build the anchor corpus of a recipe, as a Prefect flow."""
    _log_to_terminal()
    from flows.build import build_flow
    from flows.summary import summarise_build

    say(f"Building {recipe}")
    manifest = build_flow(str(recipe), _text(output), overrides)
    say(summarise_build(manifest, output or Path("data/builds") / manifest.name))


@app.command()
def plan(recipe: RecipeFile, overrides: Overrides = None, debug: Debug = False) -> None:
    """Explain a recipe: sources, licences, quotas, expected tokens. Runs nothing."""
    from flows.summary import show_plan
    from pipeline.config import load_config
    from pipeline.plan import make_plan
    from schemas.recipe import Recipe

    loaded = load_config(recipe, Recipe, overrides or ())
    say(show_plan(make_plan(loaded, recipe.parent)))


@app.command()
def finetune(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The fine-tune, a YAML file.")],
    output: Output = None,
    overrides: Overrides = None,
    debug: Debug = False,
) -> None:
    """Fine-tune with and without replay, and measure forgetting per domain."""
    _log_to_terminal()
    from flows.finetune import finetune_flow
    from flows.summary import summarise_finetune

    say(f"Fine-tuning {config}")
    manifest = finetune_flow(str(config), _text(output), overrides)
    say(summarise_finetune(manifest, output or Path("data/builds") / manifest.name))


@app.command()
def report(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The output of a build or a fine-tune.")
    ],
    finetune: Annotated[
        Path | None,
        typer.Option("--finetune", metavar="DIR", help="A fine-tune to show in a build's report."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Write the report of a build or a fine-tune again."""
    from pipeline.report.page import write_report

    say(f"Report: {write_report(directory, finetune)}")


@app.command()
def why(
    directory: Folder,
    document_id: Annotated[
        str, typer.Argument(metavar="DOCUMENT_ID", help="An id, the start of one, or a source id.")
    ],
    debug: Debug = False,
) -> None:
    """Say what happened to one document, at which stage, with the evidence."""
    from pipeline.audit.why import explain

    say(explain(directory, document_id))


@app.command()
def verify(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The output of a build or a fine-tune.")
    ],
    debug: Debug = False,
) -> None:
    """Check every digest, count and invariant of an output again."""
    from pipeline.audit.verify import verify as run_checks

    from flows.summary import show_checks

    result = run_checks(directory)
    say(show_checks(result))
    if not result.ok:
        raise typer.Exit(1)


@app.command()
def estimate(
    published: Annotated[
        str, typer.Argument(metavar="NAME", help="A published mixture, as in data/mixtures.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Where to write it.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Write what is known of a base model's original mixture to a mixture file."""
    from flows.summary import show_mixture
    from pipeline.mixture.published import load_mixture, write_mixture

    mixture = load_mixture(published, Path())
    if output is not None:
        write_mixture(mixture, output)
    say(show_mixture(mixture))


@app.command()
def deploy(
    recipe: RecipeFile,
    name: Annotated[str, typer.Option(help="Of the deployment.")] = "weekly",
    cron: Annotated[str | None, typer.Option(help="When to run, as in '0 3 * * 1'.")] = None,
    work_pool: Annotated[
        str | None,
        typer.Option(help="Register for the workers of this pool; default: serve from here."),
    ] = None,
    output: Output = None,
    overrides: Overrides = None,
    debug: Debug = False,
) -> None:
    """Serve a recipe's scheduled builds from this process, or register them with a work pool."""
    from flows.deployments import deploy_build

    deploy_build(recipe, name, cron, work_pool, output, overrides or (), say)


def say(text: str) -> None:
    """Write text for the user to standard output."""
    typer.echo(text)


def main() -> None:
    """Run the command line; turn errors into a message and an exit code."""
    sys.exit(_run())  # out of reach of what ran, so that its objects can be freed at exit


def _run() -> int:
    try:
        app()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    except AnchorError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted; run it again to go on from what is stored", 130)
    except Exception as error:  # noqa: BLE001  (the last resort: a message, not a traceback)
        return _fail(f"unexpected {type(error).__name__}: {error}; --debug shows where", 1)
    return 0


def _fail(message: str, exit_code: int) -> int:
    if os.environ.get(DEBUG):
        traceback.print_exc()
    typer.echo(f"error: {message}", err=True)
    return exit_code


def _log_to_terminal() -> None:
    """Show the project's progress; leave Prefect's own reports of failures to --debug."""
    if not os.environ.get(DEBUG):
        os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("anchor")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
