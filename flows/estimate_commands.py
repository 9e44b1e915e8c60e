"""`anchor estimate`: what was a model trained on? Each kind of evidence is a command of its own.

No Prefect: nothing here outlives its command. Each writes a mixture file, which a recipe can name.
"""

from pathlib import Path
from typing import Annotated

import typer

from flows import terminal
from flows.terminal import say

estimate_app = typer.Typer(
    help="What a model was trained on: published, or estimated, as a mixture file.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Output = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="Where the mixture file goes.")
]
Debug = Annotated[
    bool,
    typer.Option("--debug", callback=terminal.set_debug, help="Show the traceback of an error."),
]


@estimate_app.command()
def published(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A published mixture, as in data/mixtures.")
    ],
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Write a published mixture to a mixture file."""
    from flows.summary import show_mixture
    from pipeline.mixture.published import write_mixture
    from pipeline.mixture.target import resolve_target

    target = resolve_target(name, Path())
    say(show_mixture(target))
    if output is not None:
        write_mixture(target.mixture, output)
        say(f"\nWritten: {output}")
