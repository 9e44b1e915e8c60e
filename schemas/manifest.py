"""The manifest of a build: written last, and the proof that the build is whole.

Holds nothing that differs between two runs of one recipe on the same input: no times, no host,
no worker counts. Those are in run.json (RunRecord).
"""

from typing import Any, Literal

from schemas.base import Frozen
from schemas.changes import Changes


class FileEntry(Frozen):
    """One file of an output."""

    path: str
    """Relative to the output's folder, with forward slashes."""
    num_bytes: int
    sha256: str
    num_rows: int | None = None
    num_tokens: int | None = None
    logical_sha256: str | None = None
    """Of the rows' content, independent of the Parquet writer's version."""


class SourceCounts(Frozen):
    """One source: what it is, and where each of its documents went."""

    name: str
    kind: str
    licenses: dict[str, int]
    """Documents kept, by licence."""
    revision: str
    """What pins the inputs: the commit of a hub source, the date of a dump, or their digest."""
    origin: str = ""
    """Where a source that lies elsewhere was fetched from."""
    num_inputs: int
    """Files or distributions."""
    num_bytes: int
    """Of the inputs, as stored."""
    num_read: int
    """Records read, counted by the reader: equals the sum of the next five."""
    num_kept: int
    num_held_out: int
    num_dropped: int
    num_not_sampled: int
    num_quarantined: int
    dropped_by_reason: dict[str, int]
    alarms: tuple[str, ...] = ()


class DomainCounts(Frozen):
    """One domain: what was wanted, what there was, what was taken. Tokens throughout."""

    name: str
    target: float
    """The share that the mixture asks for."""
    feasible: float
    """The nearest share that the sources can fill."""
    achieved: float
    """The share in the shards."""
    num_available: int
    """Tokens that survived every stage, held-out ones excluded, counted once."""
    num_tokens: int
    """Tokens in the shards, repetitions included."""
    num_documents: int
    """Distinct documents in the shards."""
    num_repeated_tokens: int
    num_held_out: int
    """Documents."""
    explanation: str = ""
    """What fell short, why, and what was done; empty where nothing did."""


class LanguageCounts(Frozen):
    """One language that the target asks for. Tokens throughout."""

    name: str
    target: float
    """The share that the mixture, or the recipe, asks for."""
    feasible: float
    """The share that its quotas in all domains come to."""
    achieved: float
    """The share in the shards."""
    num_available: int
    """Tokens of the domains asked for, held-out ones excluded, counted once."""
    num_tokens: int
    num_documents: int
    explanation: str = ""
    """What fell short; empty where nothing did."""


class EvaluationFile(Frozen):
    """What of an evaluation file is looked for in documents."""

    file: str
    num_items: int
    num_not_searchable: int
    """Items whose words would be found by chance: too few, or mostly numbers."""


class Manifest(Frozen):
    """The whole output, in figures."""

    format_version: Literal[2] = 2
    kind: Literal["build"] = "build"
    name: str
    description: str
    fingerprint: str
    """sha256 over the recipe without `runtime`, the inputs' digests and the stages' versions."""
    recipe: dict[str, Any]
    versions: dict[str, str]
    """Of the libraries whose release can change bytes."""
    tokenizer: str
    num_documents: int
    """Distinct documents in the shards."""
    num_rows: int
    """Rows in the shards: documents plus repetitions."""
    num_tokens: int
    total_variation: float
    """Half the summed difference between achieved and feasible shares."""
    domains: tuple[DomainCounts, ...]
    languages: tuple[LanguageCounts, ...] = ()
    """Where shares of languages are asked for."""
    sources: tuple[SourceCounts, ...]
    classifiers: dict[str, dict[str, Any]] = {}
    """Domain, topic and quality model: training set sizes, sha256, figures on held-out documents
    (`by_document`) and on whole sources held out (`by_source`), with confusion matrices."""
    quality: dict[str, Any] = {}
    """Bands: their edges, where their shares come from, what each held and gave by domain."""
    resampling: dict[str, Any] = {}
    """What documents were resampled towards, and by domain how near (Kullback–Leibler divergence of
    the text's n-grams, in nats) the candidates, a plain draw of them and the sample are."""
    alarms: tuple[str, ...] = ()
    """Of the build as a whole; a source's stand with the source."""
    evaluation: tuple[EvaluationFile, ...] = ()
    """The files that documents were decontaminated of."""
    dedup: dict[str, Any] = {}
    """Parameters, S-curve, counts, the largest clusters with excerpts."""
    files: tuple[FileEntry, ...]

    @property
    def all_alarms(self) -> tuple[str, ...]:
        """The build's alarms, and those of its sources."""
        return (*self.alarms, *(alarm for source in self.sources for alarm in source.alarms))


class StageTime(Frozen):
    """What one stage cost in one run."""

    name: str
    seconds: float
    num_items: int
    """Units of work."""
    num_reused: int
    """Of these, found in the store."""
    num_bytes: int
    """Of input processed in this run, for MB/s."""


class RunRecord(Frozen):
    """What differs from run to run (run.json): times and machine."""

    started: str
    seconds: float
    workers: int
    runner: str
    python: str
    stages: tuple[StageTime, ...]
    changes: Changes | None = None
    """Since the build that this one took the place of; None where there was none."""
