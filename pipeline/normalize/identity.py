"""Identifiers of documents and of quarantined records.

A document's id begins with the digest of its text, so equal texts are seen to be equal, and goes
on with the digest of where it was found. It does not depend on the place within the file: a line
added above changes no other id.
"""

import hashlib

from pipeline.fingerprint import canonical_json
from schemas.document import CONTENT_DIGITS

PLACE_DIGITS = 16


def text_digest(text: str) -> str:
    """Return the digits by which equal texts are known: 96 bits of sha256, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()[:CONTENT_DIGITS]


def document_id(text: str, source: str, unit: str, occurrence: int) -> str:
    """Return the id of a document; `occurrence` counts equal texts within the unit, from 0."""
    return place_id(text_digest(text), source, unit, occurrence)


def place_id(digest: str, source: str, unit: str, occurrence: int) -> str:
    """Return the id of the document whose text has this digest."""
    return f"{digest}-{_digest(source, unit, occurrence)[:PLACE_DIGITS]}"


def quarantine_id(
    source: str, unit: str, file: str, offset: int, reason: str, occurrence: int
) -> str:
    """Return the id of a refused record; `occurrence` counts equal places within the unit."""
    return f"quarantined-{_digest(source, unit, file, offset, reason, occurrence)[:32]}"


def _digest(*parts: str | int) -> str:
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()
