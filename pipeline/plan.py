"""What a recipe would do, before it runs: sources, licences, quotas, expected tokens.

Reads the recipe, names and sizes of files, and evaluation files; writes nothing, and reaches out
only where it is given a world. Expected tokens are estimates from sizes, before cleaning and dedup.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath

from pipeline.acquire.listing import list_now
from pipeline.acquire.local import environment, files
from pipeline.acquire.remote import Listing, World
from pipeline.annotate.contamination import make_contamination_annotator
from pipeline.annotate.tokens import make_tokens_annotator
from pipeline.dedup.bands import hashing_of
from pipeline.dedup.index.earlier import open_earlier
from pipeline.distribution import DOMAINS as DOMAIN_OF_PART
from pipeline.distribution import split_member
from pipeline.errors import ConfigError
from pipeline.mixture.target import Target, resolve_target
from pipeline.quality.wanted import Wanted, resolve_wanted
from pipeline.resample.towards import Wished, resolve_towards
from pipeline.sample.bands import band_quotas
from schemas.manifest import EvaluationFile
from schemas.recipe import Recipe
from schemas.source import EnvironmentSource, PathsSource, Source, TextSource

BYTES_PER_TOKEN = 4
# Bytes of text in a byte on disk, as found in collections of each kind.
EXPANSION = {".gz": 2.8, ".zst": 3.3, ".bz2": 3.5, ".parquet": 4.0}
TEXT_SHARE = {".warc": 0.1, ".html": 0.1, ".xml": 0.6}
CLASSIFIED = "auto"


@dataclass(frozen=True)
class PlannedSource:
    """One source as it is now."""

    name: str
    kind: str
    license: str
    num_inputs: int | None
    num_bytes: int | None
    expected_tokens: dict[str, int] = field(default_factory=dict)
    """By domain; "auto" where a classifier will decide. Before cleaning and dedup."""
    note: str = ""


@dataclass(frozen=True)
class PlannedDomain:
    """One domain of the target."""

    name: str
    target: float
    quota: int
    expected_tokens: int
    note: str = ""


@dataclass(frozen=True)
class Plan:
    """A recipe explained."""

    recipe: Recipe
    target: Target
    wanted: Wanted
    """Of quality bands."""
    wished: Wished
    """Of text to resample towards."""
    sources: tuple[PlannedSource, ...]
    domains: tuple[PlannedDomain, ...]
    evaluation: tuple[EvaluationFile, ...]


def make_plan(recipe: Recipe, base: Path, world: World | None = None) -> Plan:
    """Return the plan of a recipe; raises InputError where it could not run as it stands.

    With a `world` the files of sources that lie elsewhere are listed; without one nothing is asked.
    """
    target = resolve_target(recipe.mixture, base, recipe.sample.languages)
    wanted = resolve_wanted(recipe.quality, target.proportions, base)
    wished = resolve_towards(recipe.sample.towards, target.proportions, base)
    make_tokens_annotator(recipe.sample.tokenizer, base)
    evaluation = make_contamination_annotator(recipe.decontamination, base).figures()
    open_earlier(
        [base / folder for folder in recipe.dedup.against], hashing_of(recipe.dedup, recipe.seed)
    )
    sources = tuple(_plan_source(source, base, world) for source in recipe.sources)
    domains = _plan_domains(recipe, target, wanted, sources)
    return Plan(recipe, target, wanted, wished, sources, domains, evaluation)


def _plan_source(source: Source, base: Path, world: World | None) -> PlannedSource:
    if isinstance(source, EnvironmentSource):
        return _plan_environment(source)
    if isinstance(source, PathsSource) and not source.is_remote:
        return _plan_files(source, base)
    if world is not None:
        return _plan_listed(source, list_now(source, base, world))
    note = "lies elsewhere; `--online` asks there what it holds"
    return PlannedSource(source.name, source.kind, source.license, None, None, note=note)


def _plan_listed(source: TextSource, listing: Listing) -> PlannedSource:
    sizes = [(PurePosixPath(file.name), file.num_bytes) for file in listing.files]
    unknown = sum(size is None for _, size in sizes)
    tokens = sum(_expected_tokens(path, size or 0) for path, size in sizes)
    return PlannedSource(
        source.name,
        source.kind,
        source.license,
        len(sizes),
        sum(size or 0 for _, size in sizes),
        {source.domain: tokens},
        f"{listing.origin} at {listing.revision or 'no fixed revision'}"
        + (f"; of {unknown} files the server does not say the size" if unknown else ""),
    )


def _plan_environment(source: EnvironmentSource) -> PlannedSource:
    sizes: Counter[str] = Counter()
    units = environment.find_units(source)
    for unit in units:
        for part, path in map(split_member, unit.members):
            if part in DOMAIN_OF_PART:
                domain = DOMAIN_OF_PART[part] if source.domain == CLASSIFIED else source.domain
                sizes[domain] += (unit.path / path).stat().st_size
    tokens = {domain: size // BYTES_PER_TOKEN for domain, size in sizes.items()}
    licence = "as each distribution states"
    return PlannedSource(
        source.name, source.kind, licence, len(units), sum(u.num_bytes for u in units), tokens
    )


def _plan_files(source: PathsSource, base: Path) -> PlannedSource:
    paths = list(files.find_files(source, base).values())
    return PlannedSource(
        source.name,
        source.kind,
        source.license,
        len(paths),
        sum(path.stat().st_size for path in paths),
        {source.domain: sum(_expected_tokens(path, path.stat().st_size) for path in paths)},
    )


def _expected_tokens(path: PurePath, num_bytes: int) -> int:
    share = 1.0
    for suffix in path.suffixes:
        share *= EXPANSION.get(suffix, TEXT_SHARE.get(suffix, 1.0))
    return int(num_bytes * share / BYTES_PER_TOKEN)


def _plan_domains(
    recipe: Recipe, target: Target, wanted: Wanted, sources: tuple[PlannedSource, ...]
) -> tuple[PlannedDomain, ...]:
    supply: Counter[str] = Counter()
    for source in sources:
        supply.update(source.expected_tokens)
    stated = {source.domain for source in recipe.sources} | set(supply)
    if CLASSIFIED not in stated and not stated & set(target.proportions):
        raise ConfigError(
            f"mixture: the target asks for {', '.join(target.proportions)}, but the sources hold "
            f"{', '.join(sorted(stated))}; nothing could be sampled"
        )
    return tuple(
        _plan_domain(
            name, share, recipe, wanted, supply[name], name in stated, CLASSIFIED in stated
        )
        for name, share in target.proportions.items()
    )


def _plan_domain(
    name: str,
    share: float,
    recipe: Recipe,
    wanted: Wanted,
    supply: int,
    is_stated: bool,
    may_be_classified: bool,
) -> PlannedDomain:
    quota = round(share * recipe.sample.tokens)
    epochs = recipe.sample.max_epochs_by_domain.get(name, recipe.sample.max_epochs)
    bands = wanted.bands_of(name)
    usable = [int(supply * width) if wish > 0 else 0 for width, wish in bands]
    note = ""
    if not is_stated:
        note = "no source states it" + ("; a classifier may find some" if may_be_classified else "")
    elif 0 < sum(usable) * epochs < quota:
        filled = f"about {sum(usable) * epochs / quota:.0%} of its quota can be filled"
        note = f"{filled} ({epochs:g} epochs{', of the quality wanted' if 0 in usable else ''})"
    elif len(bands) > 1 and supply:
        note = band_quotas([wish for _, wish in bands], usable, quota).explanation()
    return PlannedDomain(name, share, quota, supply, note)
