"""Reading the text of the base model that a recipe names, whatever it is then measured for.

Reads JSONL, Parquet and text files; text is streamed. `key` is where the recipe names them, for
messages. Always true: every text has a domain of ours, and a file without any text is an error.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError, InputError
from pipeline.fingerprint import file_sha256
from pipeline.records import clean_text, expand_paths, field_of, read_records
from schemas.domain import DOMAINS
from schemas.text_sample import TextSample

BATCH_TEXTS = 1_000


def sample_files(sample: TextSample, base: Path, key: str) -> list[tuple[Path, str]]:
    """Return the files that a recipe names, each with the field that holds its texts."""
    named = [pattern.partition("#") for pattern in sample.paths]
    return [
        (path, field or "text")
        for name, _, field in named
        for path in expand_paths((name,), base, key)
    ]


def sample_digests(sample: TextSample, base: Path, key: str) -> tuple[str, ...]:
    """Return the sha256 of each file."""
    return tuple(file_sha256(path) for path, _ in sample_files(sample, base, key))


def check_domains(key: str, found: Collection[str], target: Collection[str]) -> None:
    """Raise ConfigError where what `key` names is of no domain that the mixture asks for."""
    if not set(found) & set(target):
        raise ConfigError(
            f"{key}: is of {', '.join(found)}, of which the mixture asks for nothing; it asks for "
            f"{', '.join(target)}"
        )


def count_texts(sample: TextSample, base: Path, key: str) -> dict[str, int]:
    """Return the number of texts by domain.

    Raises InputError where a file holds none, a text states no known domain, or a domain has too
    few of them.
    """
    counts = Counter(domain for domain, _ in _texts(sample, base, key))
    for domain, count in counts.items():
        if count < sample.min_texts:
            raise InputError(
                f"{key}: {count:,} texts of domain {domain}, fewer than {sample.min_texts:,}; add "
                f"texts, or lower {key}.min_texts"
            )
    return {domain: counts[domain] for domain in DOMAINS if domain in counts}


def read_texts(
    sample: TextSample, base: Path, key: str
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Yield domains and texts, some at a time, in the order of the files."""
    texts = _texts(sample, base, key)
    while chunk := list(islice(texts, BATCH_TEXTS)):
        domains, contents = zip(*chunk, strict=True)
        yield domains, contents


def _texts(sample: TextSample, base: Path, key: str) -> Iterator[tuple[str, str]]:
    """Yield domain and text of each record that has a text."""
    for path, field in sample_files(sample, base, key):
        has_text = False
        for record in read_records(path, skip_malformed=True):
            text = field_of(record, field)
            if isinstance(text, str) and text.strip():
                has_text = True
                yield _domain_of(record, sample, path, key), clean_text(text)
        if not has_text:
            raise InputError(
                f"{path}: no record has a text in field {field!r}; name the field that has, as in "
                f"{path.name}#content"
            )


def _domain_of(record: Any, sample: TextSample, path: Path, key: str) -> str:
    domain = field_of(record, "domain") or sample.domain
    if domain is None:
        raise InputError(f"{path}: a text states no domain; add a field `domain`, or {key}.domain")
    if str(domain) not in DOMAINS:
        raise InputError(f"{path}: unknown domain {domain!r}; known: {', '.join(DOMAINS)}")
    return str(domain)
