"""Digests of files: those that a source promises, and lists of them as published beside dumps.

Reads text and files; writes nothing. Always true: a line that is no entry of a list is passed over,
and of several digests of a file the strongest counts.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urljoin

from pipeline.acquire.web.names import file_name
from pipeline.errors import InputError
from pipeline.fingerprint import CHUNK_BYTES

ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256"}
"""Hex digits → algorithm, the weakest first."""
STRENGTH = list(ALGORITHMS.values())

# GNU coreutils: DIGEST, a space, a space or `*` (binary), NAME. BSD: ALGORITHM (NAME) = DIGEST.
# Either begins with a backslash where the name holds escapes, which no name here does.
_GNU = re.compile(r"^([0-9a-fA-F]+) [ *]?(.+)$")
_BSD = re.compile(r"^(?:MD5|SHA1|SHA256) ?\((.+)\) ?= ?([0-9a-fA-F]+)$", re.IGNORECASE)


@dataclass
class Checksums:
    """What is promised of which file."""

    given: dict[str, str] = field(default_factory=dict)
    """By file name, as the recipe gives them: they go before those of lists."""
    by_address: dict[str, str] = field(default_factory=dict)
    by_name: dict[str, set[str]] = field(default_factory=dict)

    def add_list(self, address: str, text: str) -> None:
        """Add the entries of a list that lies at an address, which their names are relative to.

        Raises InputError where it has none.
        """
        entries = list(parse_list(text))
        if not entries:
            raise InputError(
                f"{address}: has no line as sha256sum, sha1sum or md5sum writes them; correct "
                "`checksum_lists`"
            )
        for name, checksum in entries:
            place = unquote(urljoin(address, quote(name)))
            self.by_address[place] = _stronger(checksum, self.by_address.get(place))
            self.by_name.setdefault(name.rpartition("/")[2], set()).add(checksum)

    def of(self, address: str) -> str | None:
        """Return what is promised of the file at an address.

        A list that lies elsewhere than its files is believed for a name that it has but once.
        """
        name = file_name(address)
        if found := self.given.get(name) or self.by_address.get(unquote(address)):
            return found
        listed = sorted(self.by_name.get(name, ()), key=_strength)
        is_clear = len({_strength(checksum) for checksum in listed}) == len(listed)
        return listed[-1] if listed and is_clear else None


def parse_list(text: str) -> Iterator[tuple[str, str]]:
    """Yield the name, as it is listed, and the checksum of each entry of a list."""
    for line in text.splitlines():
        if match := _BSD.match(line.strip()):
            name, digest = match[1], match[2]
        elif match := _GNU.match(line.strip()):
            digest, name = match[1], match[2]
        else:
            continue
        if algorithm := ALGORITHMS.get(len(digest)):
            yield name.strip(), f"{algorithm}:{digest.lower()}"


def file_checksum(path: Path, algorithm: str) -> str:
    """Return a file's checksum, as in `sha1:…`; `git` is the id that git gives to its content."""
    digest = hashlib.new("sha1" if algorithm == "git" else algorithm, usedforsecurity=False)
    if algorithm == "git":
        digest.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return f"{algorithm}:{digest.hexdigest()}"


def _strength(checksum: str) -> int:
    return STRENGTH.index(checksum.partition(":")[0])


def _stronger(one: str, other: str | None) -> str:
    return one if other is None or _strength(one) >= _strength(other) else other
