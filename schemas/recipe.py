"""The recipe: everything that decides what a build contains, in one frozen model.

Read from YAML by `pipeline.config`. Unknown keys are errors. `runtime` says how to run and is no
part of the identity of a build: the same recipe gives the same shards with any runtime.
Relative paths are relative to the recipe's own folder.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from schemas.banding import MAX_BANDS, MAX_ROWS, choose_banding
from schemas.base import Fraction, Frozen, Language, Name
from schemas.cluster import LOCAL_CLUSTER, DaskCluster
from schemas.domain import Domain
from schemas.quality import Examples, Quality
from schemas.source import Count, Source, TextSource
from schemas.text_sample import TextSample

Epochs = Annotated[float, Field(ge=1, allow_inf_nan=False)]
PiiKind = Literal["email", "ip", "phone", "card", "iban", "secret"]
RuleSet = Literal["gopher_quality", "gopher_repetition", "c4", "fineweb"]
SurvivorKey = Literal["priority", "quality", "created", "id"]


class Languages(Frozen):
    """Which languages to keep."""

    keep: tuple[str, ...] = ()
    """ISO 639-1 codes; empty keeps all."""
    min_confidence: Fraction = 0.5
    """A document of a kept language with less confidence is dropped."""


class Cleaning(Frozen):
    """What a document must be to stay, and what is masked in it."""

    languages: Languages = Languages()
    rules: tuple[RuleSet, ...] = ("gopher_quality", "gopher_repetition", "c4", "fineweb")
    """Published rule sets, applied in this order."""
    rule_domains: tuple[Domain, ...] = ("web", "news")
    """The domains that the rules judge: they were written for prose of the web."""
    min_characters: Annotated[int, Field(ge=0)] = 50
    max_document_bytes: Annotated[int, Field(gt=0, le=1_000_000_000)] = 20_000_000
    """A record with more text than this is quarantined."""
    pii: tuple[PiiKind, ...] = ("email", "ip", "phone", "card", "iban", "secret")
    """What is masked in the exported text, with typed placeholders."""


class BandingTarget(Frozen):
    """What MinHash may miss and what it may compare in vain, at dedup's `min_jaccard`."""

    max_miss_rate: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """Share of the pairs just at the threshold that may go unnoticed; of those above, fewer do."""
    max_false_rate: Annotated[float, Field(gt=0, lt=1)] = 0.35
    """Share of the pairs below the threshold (Jaccards spread evenly) that may be compared."""


class Lines(Frozen):
    """Lines that recur in many documents: kept in the first of them, cut from the others.

    This is the boilerplate that near-duplicates do not show: notices, banners, templates.
    """

    enabled: bool = True
    """`false` exports every text whole."""
    domains: tuple[Domain, ...] = ("web", "news")
    """Where lines are counted and cut. In code, law, mathematics and instructions what recurs is
    content."""
    min_words: Annotated[int, Field(ge=3, le=1_000)] = 10
    """No shorter line is ever cut. A letter of a script without spaces counts as a word."""
    min_documents: Annotated[int, Field(ge=2)] = 5
    """A line is boilerplate when so many documents have it: same words, whatever their case,
    spacing and punctuation."""
    min_words_within: Annotated[int, Field(ge=3, le=1_000)] = 40
    """A line of so many words is cut where it comes again in its own document. What is shorter and
    said twice is mostly rows of a table, examples and code."""

    @model_validator(mode="after")
    def _within_is_stricter(self) -> Self:
        if self.min_words_within < self.min_words:
            raise ValueError(
                f"min_words_within: {self.min_words_within} is less than min_words, "
                f"{self.min_words}, below which no line is cut"
            )
        return self


class Dedup(Frozen):
    """Exact duplicates by content, near-duplicates by MinHash with verified Jaccard."""

    enabled: bool = True
    backend: Literal["numba", "datasketch"] = "numba"
    ngram: Annotated[int, Field(ge=1, le=50)] = 5
    """Words per shingle."""
    min_jaccard: Fraction = 0.8
    """A document is a duplicate when its shingles are at least this similar to its survivor's."""
    target: BandingTarget | None = None
    """Choose bands and rows by what may be missed; or give them."""
    bands: Annotated[int, Field(ge=1, le=MAX_BANDS)] = 20
    rows: Annotated[int, Field(ge=1, le=MAX_ROWS)] = 6
    """Hashes per band; bands × rows permutations in all. 20 × 6 finds 99.8 % of pairs at 0.8."""
    seed: Annotated[int, Field(ge=0)] | None = None
    """Of the hashes; default: the recipe's. Corpora that are compared must have the same."""
    against: tuple[str, ...] = ()
    """Indexes of earlier corpora (`anchor index`): a copy of a document there is dropped."""
    survivor: Annotated[tuple[SurvivorKey, ...], Field(min_length=1)] = (
        "priority",
        "quality",
        "created",
        "id",
    )
    """Who survives: highest priority, best quality, earliest date, smallest id, in this order."""
    lines: Lines = Lines()
    """What a build cuts from the documents that survive; `anchor dedup` copies them whole."""
    memory_limit: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)? ?[KMGT]i?B$")] = "2GB"
    """Of the table in which each worker joins bands; where it is less, bands are read more often.
    What lies on the store's disk meanwhile: 8 bytes a band and document, 8 more where it shares the
    band, 4 a shingle of a candidate."""

    @property
    def cuts_lines(self) -> bool:
        """Whether any line may be cut."""
        return self.enabled and self.lines.enabled and bool(self.lines.domains)

    @model_validator(mode="before")
    @classmethod
    def _resolve_target(cls, given: Any) -> Any:
        """Put the bands and rows that a target asks for beside it."""
        if not isinstance(given, dict) or given.get("target") is None:
            return given
        target = BandingTarget.model_validate(given["target"])
        threshold = float(given.get("min_jaccard", cls.model_fields["min_jaccard"].default))
        chosen = choose_banding(threshold, target.max_miss_rate, target.max_false_rate)._asdict()
        for name, value in chosen.items():
            if given.get(name, value) != value:
                raise ValueError(
                    f"{name}: {given[name]} beside a target, which asks for {value}; "
                    "give either a target or bands and rows"
                )
        return {**given, **chosen}


class AxisClassifier(Frozen):
    """A fastText model that tells the domain, or the topic, of documents that state none."""

    model: str | None = None
    """Path of a .bin file whose labels are domains (topics), or WebOrganizer's formats (topics);
    default: train on the documents that state theirs."""
    max_examples: Annotated[int, Field(ge=10)] = 5_000
    """Per class."""


class Decontamination(Frozen):
    """Drop documents that contain an evaluation item's words."""

    files: tuple[str, ...] = ()
    """Evaluation files and globs: JSONL (.gz .zst .bz2), Parquet, text."""
    ngram: Annotated[int, Field(ge=3, le=100)] = 13
    """Consecutive words that count as a match; a shorter text counts as a whole."""


class Towards(TextSample):
    """Text of the base model: within a domain, documents like it are drawn rather than others.

    By DSIR: hashed word unigrams and bigrams, of the text against the domain's own documents.
    """

    max_ngrams: Annotated[int, Field(ge=1)] | None = None
    """How many n-grams of a document count at most, lest length decide; 1000000000 counts all.
    Default: of some such bounds the one that comes nearest to a half of the text when the weights
    are made from the other; where that is a plain draw, the domain is not resampled."""


class Sample(Frozen):
    """How much to take of what."""

    tokens: Annotated[int, Field(gt=0)]
    """The budget of the anchor corpus."""
    tokenizer: str = "bytes/4"
    """`bytes/4`: UTF-8 bytes divided by four; or the path of a tokenizer.json."""
    max_epochs: Epochs = 1.0
    """How often a document may be repeated to fill its domain's quota."""
    max_epochs_by_domain: dict[Domain, Epochs] = {}
    languages: dict[Language, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = {}
    """Shares of languages, on any scale; where none are given, those of the mixture, or whatever
    the documents are in. Domains come first; how languages fall on them is raked from what there
    is, unless the mixture says it. A document of another language is not sampled."""
    towards: Towards | None = None
    """Resample within domains towards a sample of text."""
    on_shortfall: Literal["redistribute", "shrink"] = "redistribute"
    """A domain short of its quota: fill the budget from the others in proportion, or shrink the
    budget until the proportions hold."""
    heldout_documents: Annotated[int, Field(ge=0)] = 100
    """Per domain, set aside for measuring forgetting; never more than a tenth of the domain."""


class Output(Frozen):
    """The form of the exported shards."""

    max_shard_bytes: Annotated[int, Field(ge=10_000)] = 256_000_000
    """Of text, before compression."""
    compression: Literal["zstd", "snappy", "none"] = "zstd"


class Downloads(Frozen):
    """How files are fetched from elsewhere."""

    schemes: tuple[Literal["https", "http", "hf", "s3", "gs"], ...] = ("https", "hf", "s3", "gs")
    """What addresses may begin with. Plain `http` must be asked for: anybody on the way can change
    what it brings."""
    workers: Count = 4
    """Files fetched at once."""
    max_requests_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0
    """Of each server."""
    max_retries: Annotated[int, Field(ge=0)] = 8
    """Of one file in a row without a byte gained, each after a longer pause."""
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60.0
    """Seconds without a byte after which a request is given up."""
    contact: str | None = None
    """An address put into the user agent, so that a server's owner can write to you."""


class Runtime(Frozen):
    """How to run: no part of a build's identity."""

    runner: Literal["serial", "threads", "processes", "dask"] = "processes"
    """Where the units of a stage are worked on: in this process, in threads or processes of this
    machine, or on a Dask cluster (`dask`)."""
    workers: Count | None = None
    """Default: one a core. Of a cluster: how many workers to ask for."""
    dask: DaskCluster = DaskCluster()
    store: str | None = None
    """Where intermediate results are kept; default: data/store of the project. An address as in
    s3://BUCKET/PREFIX keeps them there for other machines too: what one of them has computed or
    fetched none computes again. Work is done in data/store/.buckets, whose results are sent to the
    bucket; nothing is ever removed there."""
    downloads: Downloads = Downloads()

    @model_validator(mode="after")
    def _cluster_has_a_size(self) -> Self:
        if self.workers is not None and self.dask.adapt is not None:
            raise ValueError("workers: given beside dask.adapt; give one of them")
        asked = self.workers is not None or self.dask.adapt is not None
        starts = self.runner == "dask" and self.dask.address is None
        if starts and not asked and self.dask.cluster != LOCAL_CLUSTER:
            raise ValueError(
                f"workers: missing; say how many workers {self.dask.cluster} is asked for, or "
                "give dask.adapt"
            )
        return self


class Recipe(Frozen):
    """Everything that decides what a build contains."""

    name: Name
    description: str = ""
    seed: Annotated[int, Field(ge=0)] = 0
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    cleaning: Cleaning = Cleaning()
    dedup: Dedup = Dedup()
    quality: Quality | None = None
    domain_classifier: AxisClassifier = AxisClassifier()
    """For the sources that say `domain: auto`."""
    topic_classifier: AxisClassifier | None = None
    """For every document without a topic; where it is not given, none is classified."""
    decontamination: Decontamination = Decontamination()
    mixture: str | dict[Domain, Annotated[float, Field(ge=0, allow_inf_nan=False)]]
    """The target: a name in data/mixtures, a path of a mixture file, or domain: weight."""
    sample: Sample
    output: Output = Output()
    runtime: Runtime = Runtime()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [source.name for source in self.sources]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"source names must be unique; given twice: {', '.join(twice)}")
        for side, examples in self._example_sets():
            unknown = sorted(set(examples.sources) - set(names))
            if unknown:
                raise ValueError(
                    f"quality.{side}.sources names {', '.join(unknown)}, which is no source of "
                    f"this recipe; known: {', '.join(names)}"
                )
        if isinstance(self.mixture, dict) and sum(self.mixture.values()) <= 0:
            raise ValueError("mixture: at least one weight must be above zero")
        return self

    @property
    def has_topics(self) -> bool:
        """Whether any document may get a topic: a source states it, or a classifier is asked."""
        return self.topic_classifier is not None or any(
            source.topic or (isinstance(source, TextSource) and source.fields.topic)
            for source in self.sources
        )

    def _example_sets(self) -> list[tuple[str, Examples]]:
        if self.quality is None:
            return []
        both = (("positives", self.quality.positives), ("negatives", self.quality.negatives))
        return [(side, examples) for side, examples in both if examples is not None]
