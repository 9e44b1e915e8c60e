"""`anchor convert`: a build's shards in a format that some trainers need."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows import terminal
from flows.terminal import say

Debug = Annotated[
    bool,
    typer.Option("--debug", callback=terminal.set_debug, help="Show the traceback of an error."),
]


def convert(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The output folder of a build.")],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Where the result goes.")],
    to: Annotated[
        Literal["mds"], typer.Option("--to", help="The format: mds, of MosaicML's streaming.")
    ] = "mds",
    debug: Debug = False,
) -> None:
    """Write a build's shards in another format, for trainers that do not read Parquet."""
    from pipeline.convert.mds import convert_build

    num_documents = convert_build(directory, output)
    say(f"{num_documents:,} documents in {output}")
