"""The normalize stage: one unit of input → one shard of documents, and its quarantine.

Reads a unit with the reader of its format. Writes documents.parquet (DOCUMENT) and
quarantine.parquet (QUARANTINE) as one entry of the store. Always true: the records that the reader
counted are the documents plus the quarantined records, and every text has the form that
`normalize_text` gives.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.compression import ArchiveError
from pipeline.errors import IntegrityError
from pipeline.fingerprint import fingerprint
from pipeline.normalize.checks import finish_record
from pipeline.normalize.formats.registry import reader_for
from pipeline.normalize.pages import extract_page
from pipeline.normalize.record import ReadContext, Record, Refusal
from pipeline.normalize.rows import RowBuilder
from pipeline.normalize.writer import RowWriter
from pipeline.shard import Shard, Unit
from pipeline.store import Store
from schemas.decision import QUARANTINE
from schemas.document import DOCUMENT
from schemas.recipe import Cleaning
from schemas.source import EnvironmentSource, Source

STAGE = "normalize"
VERSION = 4  # raise it when a reader, or the form of a text, changes
DOCUMENTS_FILE = "documents.parquet"
QUARANTINE_FILE = "quarantine.parquet"

# How to read a unit. What else a source states says which units there are, or what becomes of them.
READING = {"name", "domain", "topic", "format", "fields", "license", "extraction", "parts"}


def normalize_unit(
    unit: Unit, store: Store, sources: Mapping[str, Source], cleaning: Cleaning
) -> Shard:
    """Return the unit's shard of documents, computed or found in the store.

    `sources` holds the unit's source under its name. Raises IntegrityError where the records
    counted are not documents plus quarantined records.
    """
    source = sources[unit.source]

    def write(folder: Path) -> dict[str, Any]:
        return _write_shard(folder, unit, source, cleaning.max_document_bytes)

    identity = normalize_fingerprint(unit, source, cleaning)
    entry = store.obtain(STAGE, identity, write)
    documents, quarantine = entry.file(DOCUMENTS_FILE), entry.file(QUARANTINE_FILE)
    return Shard(unit, documents, quarantine, identity, **entry.info)


def normalize_fingerprint(unit: Unit, source: Source, cleaning: Cleaning) -> str:
    """Return the fingerprint of all that a unit's documents depend on."""
    reading = source.model_dump(mode="json", include=READING)
    limit = cleaning.max_document_bytes
    return fingerprint(STAGE, VERSION, reading, limit, unit.name, unit.digest)


def read_unit(context: ReadContext, format_name: str) -> Iterator[Record | Refusal]:
    """Yield what is in a unit, finished or refused; counts in `context.tally`."""
    try:
        for result in _read(context, format_name):
            yield _finish(result, context)
    except ArchiveError as error:
        context.count()
        yield Refusal(error.offset, "byte", error.reason, str(error))
    if context.tally.num_read == 0:
        context.count()
        yield Refusal(0, "byte", "empty_file", "the file holds no record")


def _finish(result: Record | Refusal, context: ReadContext) -> Record | Refusal:
    if isinstance(result, Record) and result.is_page:
        result = extract_page(result, context.extraction)
    if isinstance(result, Record):
        return finish_record(result, context.max_document_bytes)
    return result


def _read(context: ReadContext, format_name: str) -> Iterator[Record | Refusal]:
    reader = reader_for(format_name, context) if context.unit.num_bytes else None
    if reader is not None:
        yield from reader(context)
    elif context.unit.num_bytes:
        context.count()
        message = "the name does not tell the format; name it in the recipe (`format:`)"
        yield Refusal(0, "byte", "unknown_format", message)


def _write_shard(
    folder: Path, unit: Unit, source: Source, max_document_bytes: int
) -> dict[str, Any]:
    context, format_name = reading_of(unit, source, max_document_bytes)
    rows, num_text_bytes = RowBuilder(unit, source), 0
    with (
        RowWriter(folder / DOCUMENTS_FILE, DOCUMENT) as documents,
        RowWriter(folder / QUARANTINE_FILE, QUARANTINE) as quarantine,
    ):
        for result in read_unit(context, format_name):
            if isinstance(result, Record):
                num_bytes = len(result.text.encode())
                documents.add(rows.document(result), num_bytes)
                num_text_bytes += num_bytes
            else:
                quarantine.add(rows.quarantined(result), len(result.error))
    return _balanced(unit, context.tally.num_read, documents, quarantine) | {
        "num_text_bytes": num_text_bytes
    }


def reading_of(unit: Unit, source: Source, max_document_bytes: int) -> tuple[ReadContext, str]:
    """Return what `read_unit` takes for a unit of `source`."""
    if isinstance(source, EnvironmentSource):
        context = ReadContext(unit, parts=source.parts, max_document_bytes=max_document_bytes)
        return context, source.kind
    fields, extraction = source.fields, source.extraction
    return ReadContext(unit, fields, extraction, (), max_document_bytes), source.format


def _balanced(
    unit: Unit, num_read: int, documents: RowWriter, quarantine: RowWriter
) -> dict[str, int]:
    if num_read != documents.num_rows + quarantine.num_rows:
        raise IntegrityError(
            f"{unit.source}: {unit.name}: the reader counted {num_read} records, but "
            f"{documents.num_rows} documents and {quarantine.num_rows} refusals came of them"
        )
    return {
        "num_read": num_read,
        "num_documents": documents.num_rows,
        "num_quarantined": quarantine.num_rows,
    }
