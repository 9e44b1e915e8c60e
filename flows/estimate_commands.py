"""`anchor estimate`: what was a model trained on? Each kind of evidence is a command of its own.

No Prefect: nothing here outlives its command. Each writes a mixture file, which a recipe can name.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flows import terminal
from flows.terminal import say
from pipeline.errors import ConfigError
from pipeline.store import DEFAULT_STORE, Store

if TYPE_CHECKING:
    from pipeline.estimate.category import Category
    from pipeline.shard import Unit
    from schemas.mixture import Mixture
    from schemas.recipe import Recipe
    from schemas.source import Source

estimate_app = typer.Typer(
    help="What a model was trained on: published, or estimated, as a mixture file.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Output = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="Where the mixture file goes.")
]
Samples = Annotated[
    Path,
    typer.Argument(
        metavar="SAMPLES",
        help="Text by category: a folder with a folder or file each, a recipe, or a build.",
    ),
]
By = Annotated[
    Literal["domain", "source", "language"] | None,
    typer.Option(
        "--by", help="Categories of a recipe [source] or a build [domain].", show_default=False
    ),
]
DomainOf = Annotated[
    list[str] | None,
    typer.Option(
        "--domain", metavar="CATEGORY=DOMAIN", help="What a build is to take it for; repeatable."
    ),
]
Megabytes = Annotated[
    float, typer.Option(metavar="MB", min=0.1, help="Of text a category; more is thinned out.")
]
Prior = Annotated[
    str | None,
    typer.Option("--prior", metavar="NAME", help="A published mixture, or a mixture file."),
]
PRIOR_STRENGTH = 20.0  # of a mixture without intervals, in documents
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


@estimate_app.command()
def tokenizer(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="TOKENIZER",
            help="BPE: tokenizer.json, merges.txt, vocab.bpe, SentencePiece, tiktoken, or a folder "
            "with one.",
        ),
    ],
    samples: Samples,
    by: By = None,
    domains: DomainOf = None,
    output: Output = None,
    merges: Annotated[
        int, typer.Option(metavar="N", min=500, help="Look at the first so many merges.")
    ] = 10_000,
    megabytes: Megabytes = 20.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the halves that give intervals.")] = 0,
    debug: Debug = False,
) -> None:
    """Estimate what a tokenizer was trained on, by the order of its merges."""
    from flows.summary import show_estimate
    from pipeline.estimate.tokenizer.bpe import read_tokenizer
    from pipeline.estimate.tokenizer.mixture import check_merges, estimate_tokenizer, mixture_of

    found = read_tokenizer(file)
    check_merges(found)
    given = _domains(domains or ())
    categories = _categories(samples, by, int(megabytes * 1_000_000))
    _check_names(given, categories)
    estimated = estimate_tokenizer(found, categories, merges, seed)
    mixture = mixture_of(estimated, found, categories, given, samples.name)
    shares = estimated.shares
    checks = dict(zip(shares.categories, shares.cross_check.tolist(), strict=True))
    say(show_estimate(mixture, {"linear program": checks}))
    _write(mixture, output)


@contextmanager
def _units_of(recipe: "Recipe", base: Path) -> "Iterator[Callable[[Source], list[Unit]]]":
    """Yield what finds the units of a source, fetched where they lie elsewhere."""
    from pipeline.acquire.world import open_world
    from pipeline.collect import in_use
    from pipeline.inputs import source_units
    from pipeline.mapping import serial_map
    from pipeline.runtime import Runtime
    from pipeline.storage.bucket_store import open_store

    store = open_store(recipe.runtime.store)
    with open_world(recipe.runtime.downloads, os.environ) as world, in_use(store.root):
        runtime = Runtime(store, serial_map, time.monotonic, lambda stage: None, world)
        yield lambda source: source_units(source, base, runtime)


def _write(mixture: "Mixture", output: Path | None) -> None:
    from pipeline.mixture.published import write_mixture

    if output is not None:
        write_mixture(mixture, output)
        say(f"\nWritten: {output}")


def _domains(given: Iterable[str]) -> dict[str, str]:
    """Return domains by category, from CATEGORY=DOMAIN."""
    from schemas.domain import DOMAINS

    pairs = [each.partition("=")[::2] for each in given]
    for category, domain in pairs:
        if domain not in DOMAINS:
            raise ConfigError(
                f"--domain {category}={domain}: no such domain; known: {', '.join(DOMAINS)}"
            )
    return dict(pairs)


def _check_names(given: Iterable[str], categories: "Iterable[Category]") -> None:
    names = [category.name for category in categories]
    for name in given:
        if name not in names:
            raise ConfigError(f"--domain {name}: no such category; there are {', '.join(names)}")


def _categories(
    samples: Path, by: Literal["domain", "source", "language"] | None, max_bytes: int
) -> "list[Category]":
    from pipeline.catalog import load_recipe
    from pipeline.estimate.sample_text import is_build, read_build, read_folder, read_recipe

    if samples.suffix in {".yaml", ".yml"}:
        recipe = load_recipe(samples)
        with _units_of(recipe, samples.absolute().parent) as units_of:
            return read_recipe(recipe, units_of, by or "source", max_bytes)
    if is_build(samples):
        return read_build(samples, by or "domain", max_bytes)
    if by is not None:
        raise ConfigError(f"--by {by}: categories of a folder are what is in it; leave it out")
    return read_folder(samples, max_bytes)


@estimate_app.command()
def model(
    folder: Annotated[
        Path, typer.Argument(metavar="MODEL", help="The folder of a causal language model.")
    ],
    text: Samples,
    by: By = None,
    domains: DomainOf = None,
    prior: Prior = None,
    output: Output = None,
    number: Annotated[
        int, typer.Option("--samples", metavar="N", min=100, help="To draw from the model.")
    ] = 20_000,
    max_tokens: Annotated[
        int, typer.Option(metavar="N", min=32, help="Of a sample, at most.")
    ] = 256,
    batch_size: Annotated[
        int, typer.Option(metavar="N", min=1, help="Samples drawn at once.")
    ] = 64,
    megabytes: Megabytes = 20.0,
    seed: Annotated[int, typer.Option(min=0, help="Of samples and intervals.")] = 0,
    store: Annotated[
        Path, typer.Option(metavar="DIR", help="Where samples are kept.")
    ] = DEFAULT_STORE,
    debug: Debug = False,
) -> None:
    """Estimate what a model was trained on, by the texts it writes."""
    from flows.check import check_training_libraries
    from flows.summary import show_estimate
    from pipeline.estimate.combine import combine as combined
    from pipeline.estimate.model.mixture import estimate_model, mixture_of
    from pipeline.mixture.published import load_mixture

    check_training_libraries()
    from pipeline.replay.generate import Sampling, draw_samples
    from pipeline.replay.tokenizer import load_tokenizer

    given, known = _domains(domains or ()), load_mixture(prior, Path()) if prior else None
    encoder = load_tokenizer(folder)
    categories = _categories(text, by, int(megabytes * 1_000_000))
    _check_names(given, categories)
    settings = Sampling(number, max_tokens, batch_size, seed)
    files = draw_samples(folder, settings, Store(store.absolute()), say)
    with tempfile.TemporaryDirectory() as place:
        estimated = estimate_model(files, number, categories, encoder.tokenizer, Path(place), seed)
    mixture = mixture_of(estimated, folder.absolute(), categories, given, text.name)
    shares = estimated.shares
    counted = dict(zip(shares.categories, shares.counted.tolist(), strict=True))
    say("\n" + show_estimate(mixture, {"counted": counted}))
    say(f"Samples: {files[0]}" + (f" and {len(files) - 1} more files" if files[1:] else ""))
    if known is not None:
        mixture = combined([mixture], known, PRIOR_STRENGTH)
        say("\n" + show_estimate(mixture, _said(mixture)))
    _write(mixture, output)


@estimate_app.command()
def combine(
    mixtures: Annotated[
        list[str],
        typer.Argument(metavar="MIXTURE...", help="Estimates: mixture files of other commands."),
    ],
    prior: Prior = None,
    strength: Annotated[
        float,
        typer.Option("--prior-strength", metavar="N", min=0, help="The prior, in documents."),
    ] = PRIOR_STRENGTH,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Combine several estimates, and a published mixture, into one."""
    from flows.summary import show_estimate
    from pipeline.estimate.combine import combine as combined
    from pipeline.mixture.published import load_mixture

    found = [load_mixture(name, Path()) for name in mixtures]
    mixture = combined(found, load_mixture(prior, Path()) if prior else None, strength)
    say(show_estimate(mixture, _said(mixture)))
    _write(mixture, output)


def _said(mixture: "Mixture") -> dict[str, dict[str, float]]:
    """Return what each piece of a mixture's evidence says, by domain."""
    return {
        evidence.name: {share.domain: share.proportion for share in evidence.shares}
        for evidence in mixture.evidence
    }
