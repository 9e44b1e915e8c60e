"""Identity by content: the names under which results are stored.

A fingerprint is the sha256 of a canonical JSON form, so it is the same on every machine and in
every process. Seeds derive from names, never from positions.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

CHUNK_BYTES = 1 << 20


def canonical_json(value: Any) -> str:
    """Return the one JSON text of `value`: sorted keys, no spaces, models as their fields."""
    return json.dumps(
        value, default=_plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"cannot fingerprint {type(value).__name__}")


def fingerprint(*parts: Any) -> str:
    """Return the sha256, in hex, of the canonical JSON of `parts`."""
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()


def derive_seed(seed: int, name: str) -> int:
    """Return a 63-bit seed for the part of the work called `name`."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def file_sha256(path: Path) -> str:
    """Return the sha256, in hex, of a file's bytes, read in chunks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
