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
    """Show how a published mixture maps to domains, and write it to a mixture file."""
    from flows.mapping_view import show_mapping
    from flows.summary import show_mixture, wrap
    from pipeline.mixture.published import load_mixture, write_mixture
    from pipeline.mixture.target import resolve_target

    mixture = load_mixture(name, Path())
    say(show_mapping(mixture) + "\n")
    if mixture.is_of_topics:
        say(wrap(f"{mixture.title}. {mixture.source}. {mixture.note}"))
    else:
        say(show_mixture(resolve_target(name, Path())))
    if output is not None:
        write_mixture(mixture, output)
        say(f"\nWritten: {output}")
