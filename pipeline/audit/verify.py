"""Verify: every digest, count and invariant of a finished output, checked again from its files.

Reads the whole folder of a build or a fine-tune; writes nothing. What it finds is returned, not
raised: a broken output is an answer. Only a folder without a readable manifest is an InputError.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from pipeline.audit import ledger
from pipeline.audit.checks import Check, VerifyResult, judge
from pipeline.audit.files import file_problems, schema_problems, unlisted_problems
from pipeline.audit.texts import row_problems
from pipeline.errors import IntegrityError
from pipeline.output import read_manifest
from pipeline.tables import open_tables
from schemas.manifest import Manifest


def verify(directory: Path) -> VerifyResult:
    """Check the output in `directory`.

    Raises InputError where `directory` holds no manifest of this project.
    """
    manifest = read_manifest(directory)
    checks = [
        judge("files are as the manifest says", file_problems(directory, manifest)),
        judge("no other data files", unlisted_problems(directory, manifest)),
    ]
    if isinstance(manifest, Manifest):
        checks.extend(_build_checks(directory, manifest))
    return VerifyResult(tuple(checks))


def _build_checks(directory: Path, manifest: Manifest) -> Iterator[Check]:
    yield judge(
        "every record read is accounted for", ledger.conservation_problems(manifest.sources)
    )
    columns = judge(
        "columns are as documented", _guarded(lambda: schema_problems(directory, manifest))
    )
    yield columns
    if not columns.ok:
        yield Check("rows and decisions", ok=False, message="not checked: files are missing")
        return
    yield judge("rows are well formed", row_problems(directory, manifest))
    with open_tables(directory, manifest) as tables:
        for name, problems in _ledger_checks(tables, manifest).items():
            yield judge(name, _guarded(problems))


def _ledger_checks(
    tables: duckdb.DuckDBPyConnection, manifest: Manifest
) -> dict[str, Callable[[], Iterator[str]]]:
    return {
        "ids are unique": lambda: ledger.identity_problems(tables),
        "inputs match the manifest": lambda: ledger.input_problems(tables, manifest),
        "decisions match the manifest": lambda: ledger.count_problems(tables, manifest),
        "documents are where decisions put them": lambda: ledger.membership_problems(tables),
        "held-out documents are in no shard": lambda: ledger.leak_problems(tables),
        "rows match their decisions": lambda: ledger.row_agreement_problems(tables),
        "licences match the manifest": lambda: ledger.license_problems(tables, manifest),
        "domains match the manifest": lambda: ledger.domain_problems(tables, manifest),
        "languages match the manifest": lambda: ledger.language_problems(tables, manifest),
        "quality bands match the manifest": lambda: ledger.band_problems(tables, manifest),
        "totals match the manifest": lambda: ledger.total_problems(tables, manifest),
    }


def _guarded(problems: Callable[[], Iterator[str]]) -> Iterator[str]:
    """Yield the problems; data that cannot be read is one of them."""
    try:
        yield from problems()
    except (duckdb.Error, pa.ArrowException, OSError, IntegrityError) as error:
        yield f"cannot be checked: {error}"
