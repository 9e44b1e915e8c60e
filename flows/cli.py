"""The `anchor` command line. Each command loads what it needs only when it runs.

How a command ends, and with which exit code, is in `flows.terminal`.
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from flows import (
    catalog_command,
    convert_command,
    dedup_commands,
    estimate_commands,
    terminal,
)
from flows.terminal import say
from pipeline.store import DEFAULT_STORE

app = typer.Typer(
    help="Rebuild a stand-in for a language model's pre-training data, and replay it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _show_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        say(f"anchor-corpus {version('anchor-corpus')}")
        raise typer.Exit


RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe, a YAML file.")]
Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="The output folder of a build or a fine-tune.")
]
Output = Annotated[
    str | None,
    typer.Option("--output", metavar="DIR", help="Where the result goes [data/builds/NAME]."),
]
BuildOutput = Annotated[
    str | None,
    typer.Option(
        "--output",
        metavar="DIR",
        help="Where the result goes, or an address as in s3://BUCKET/PREFIX [data/builds/NAME].",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace a key, as in seed=1; repeatable."),
]
RuntimeFile = Annotated[
    Path | None,
    typer.Option(
        "--runtime", metavar="FILE", help="In place of the recipe's runtime: a cluster, say."
    ),
]
Debug = Annotated[
    bool,
    typer.Option("--debug", callback=terminal.set_debug, help="Show the traceback of an error."),
]
Version = Annotated[
    bool,
    typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
]


@app.callback()
def anchor(version: Version = False) -> None:
    """Rebuild a stand-in for a language model's pre-training data, and replay it."""


@app.command()
def build(
    recipe: RecipeFile,
    output: BuildOutput = None,
    overrides: Overrides = None,
    runtime: RuntimeFile = None,
    debug: Debug = False,
) -> None:
    """Build the anchor corpus of a recipe, as a Prefect flow."""
    from flows.check import check_build

    folder = check_build(recipe, overrides or (), output, runtime)
    say(f"Building {recipe}")
    terminal.log_to_terminal()
    from flows.server import begin_server, needing_server

    wait_for_server = begin_server()
    import pipeline.build  # noqa: F401  (what the flow needs loads while the server starts)
    from flows.build import build_flow
    from flows.summary import summarise_build
    from pipeline.output import read_run_record

    file = str(runtime) if runtime else None
    wait_for_server()
    with needing_server():
        manifest = build_flow(str(recipe), output, overrides, file)
    say(summarise_build(manifest, folder, read_run_record(folder)))


@app.command()
def plan(
    recipe: RecipeFile,
    overrides: Overrides = None,
    online: Annotated[
        bool, typer.Option("--online", help="List the files of sources that lie elsewhere.")
    ] = False,
    runtime: RuntimeFile = None,
    debug: Debug = False,
) -> None:
    """Check and explain a recipe; run nothing."""
    from flows.check import check_recipe
    from flows.summary import show_plan

    say(show_plan(check_recipe(recipe, overrides or (), online, runtime)))


@app.command()
def finetune(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The fine-tune, a YAML file.")],
    output: Output = None,
    overrides: Overrides = None,
    replay: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE", help="Of the tokens: as in 0.05, or auto. For replay_fractions."
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Fine-tune with and without replay, and measure forgetting."""
    from flows.check import check_finetune, is_follower

    if replay is not None:
        value = replay if replay == "auto" else f"[{replay}]"
        overrides = [*(overrides or ()), f"replay_fractions={value}"]
    if is_follower(os.environ):
        from flows.finetune import follow

        follow(str(config), output, overrides)
        return
    folder = check_finetune(config, overrides or (), output)
    say(f"Fine-tuning {config}")
    terminal.log_to_terminal()
    from flows.finetune import finetune_flow
    from flows.server import needing_server, start_server
    from flows.summary import summarise_finetune

    start_server()
    with needing_server():
        manifest = finetune_flow(str(config), str(folder), overrides)
    say(summarise_finetune(manifest, folder))


@app.command()
def report(
    directory: Folder,
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
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The output folder of a build.")],
    document_id: Annotated[
        str, typer.Argument(metavar="DOCUMENT_ID", help="An id, the start of one, or a source id.")
    ],
    store: Annotated[
        Path, typer.Option(metavar="DIR", help="The store that the build was made with.")
    ] = DEFAULT_STORE,
    debug: Debug = False,
) -> None:
    """Say what happened to one document, with the evidence; a duplicate, and what sets it apart."""
    from pipeline.audit.why import explain

    say(explain(directory, document_id, store))


@app.command()
def verify(
    directory: Annotated[
        str, typer.Argument(metavar="DIR", help="The output folder or address of a build.")
    ],
    debug: Debug = False,
) -> None:
    """Check every digest, count and invariant of an output again."""
    from flows.summary import show_checks
    from pipeline.audit.verify import verify as run_checks
    from pipeline.storage.publish import open_output

    with open_output(directory, os.environ) as folder:
        say(show_checks(result := run_checks(folder)))
    if not result.ok:
        raise typer.Exit(1)


@app.command()
def gc(
    store: Annotated[
        Path, typer.Option(metavar="DIR", help="The store of intermediate results.")
    ] = DEFAULT_STORE,
    older_than: Annotated[
        float,
        typer.Option(metavar="DAYS", min=0, help="Remove what was not used for so many days."),
    ] = 30,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed; remove nothing.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Remove from a store what no existing build was made from and nobody used lately."""
    import time

    from flows.summary import show_collected
    from pipeline.collect import collect

    say(show_collected(collect(store, older_than * 86_400, time.time(), dry_run), dry_run))


app.command()(catalog_command.catalog)
app.command()(convert_command.convert)
app.command()(dedup_commands.dedup)
app.add_typer(dedup_commands.index_app, name="index")
app.add_typer(estimate_commands.estimate_app, name="estimate")


@app.command()
def deploy(
    recipe: RecipeFile,
    name: Annotated[
        str,
        typer.Option("--name", metavar="NAME", help="Of the deployment."),
    ] = "weekly",
    cron: Annotated[
        str | None,
        typer.Option("--cron", metavar="CRON", help="When to run, as in '0 3 * * 1'."),
    ] = None,
    interval: Annotated[
        str | None,
        typer.Option("--interval", metavar="TIME", help="How often to run, as in 90m, 6h or 7d."),
    ] = None,
    timezone: Annotated[
        str, typer.Option("--timezone", metavar="ZONE", help="Of the schedule.")
    ] = "UTC",
    work_pool: Annotated[
        str | None,
        typer.Option("--work-pool", metavar="POOL", help="Run on its workers [in this process]."),
    ] = None,
    output: BuildOutput = None,
    overrides: Overrides = None,
    runtime: RuntimeFile = None,
    debug: Debug = False,
) -> None:
    """Serve scheduled builds, or register them with a work pool."""
    from flows.check import check_recipe

    checked = check_recipe(recipe, overrides or (), runtime=runtime).recipe
    from flows.deployments import When, deploy_build
    from flows.server import require_server

    when = When(cron, interval, timezone)
    when.schedule()
    require_server()
    deploy_build(recipe, checked, name, when, work_pool, output, overrides or (), runtime)


def main() -> None:
    """Run the command line."""
    terminal.run(app)
