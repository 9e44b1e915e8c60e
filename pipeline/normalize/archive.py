"""WARC and ARC: a stream of bytes → its records, and the places where it is damaged.

Reads WARC 0.17 to 1.1 (ISO 28500) and ARC 1 and 2 (Burner and Kahle, 1996), decompressed. Always
true: no more than the limit of one record is held; every record that begins is yielded or reported;
after damage, reading goes on at the next line that begins a record. How members of a gzip file are
cut plays no role. (warcio stops at the first damaged record and at archives compressed as a whole;
FastWARC reads no ARC.)
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pipeline.normalize.http_message import parse_headers

MAX_LINE_BYTES = 1 << 16
MAX_HEADER_BYTES = 1 << 20
SKIP_BYTES = 1 << 16
EXCERPT_BYTES = 200
# Fewer stray bytes than the shortest header cannot have been a record: a length was miscounted.
MIN_RECORD_BYTES = 128

_WARC_START = re.compile(rb"WARC/\d\.\d+[ \t]*\r?\n$")
_ARC_URL = re.compile(rb"[a-z][a-z0-9+.-]*:\S")
_ARC_DATE = re.compile(rb"\d{8,20}")
_ARC_NUM_FIELDS = (10, 5)  # of version 2 and 1: URL, IP address, date, type, …, length
_DIGITS = re.compile(r"\d{1,18}")


@dataclass(frozen=True)
class ArchiveRecord:
    """One record: its headers (names in lower case), and its block."""

    offset: int
    """Of its first byte in the decompressed stream."""
    headers: dict[str, str]
    """Those of WARC; an ARC record has the ones that say the same."""
    block: bytes | None
    """None where it is longer than the limit."""

    @property
    def kind(self) -> str:
        """The record's type, such as `response` or `request`."""
        return self.headers.get("warc-type", "").lower()

    @property
    def url(self) -> str | None:
        """The target's address; wget 1.19 wrote it in angle brackets."""
        url = self.headers.get("warc-target-uri", "")
        return url.removeprefix("<").removesuffix(">").replace(" ", "%20") or None


@dataclass(frozen=True)
class Damage:
    """A place where no record could be read."""

    offset: int
    reason: str
    """`malformed_record` or `truncated_archive`."""
    error: str
    excerpt: bytes


def read_archive(stream: BinaryIO, max_block_bytes: int) -> Iterator[ArchiveRecord | Damage]:
    """Yield the records and the damage of a decompressed archive, in order."""
    reader = _ArchiveReader(stream, max_block_bytes)
    while True:
        stray = reader.find_start()
        if stray is not None:
            yield stray
        if not reader.line:
            return
        yield reader.read_record()


class _ArchiveReader:
    """A place in an archive: the next line, already read, and where it begins."""

    def __init__(self, stream: BinaryIO, max_block_bytes: int) -> None:
        self._stream = stream
        self._max_block_bytes = max_block_bytes
        self._position = 0
        self.line = b""

    def find_start(self) -> Damage | None:
        """Go to the next line that begins a record; return what lay before it, if it matters."""
        start, excerpt, num_stray = self._position, b"", 0
        while self._next_line() and not _begins_record(self.line):
            if num_stray or self.line.strip():
                start = start if num_stray else self._position - len(self.line)
                num_stray += len(self.line)
                excerpt = (excerpt + self.line)[:EXCERPT_BYTES]
        if num_stray < MIN_RECORD_BYTES:
            return None
        message = f"{num_stray} bytes that belong to no record"
        return Damage(start, "malformed_record", message, excerpt)

    def read_record(self) -> ArchiveRecord | Damage:
        """Read the record that begins at `line`."""
        offset, first = self._position - len(self.line), self.line
        is_warc = _WARC_START.match(first) is not None
        headers = self._warc_headers() if is_warc else _arc_headers(first)
        length = (headers or {}).get("content-length", "")
        if headers is None or not _DIGITS.fullmatch(length):
            error = "the header does not end" if headers is None else f"the length is {length!r}"
            return Damage(offset, "malformed_record", error, first[:EXCERPT_BYTES])
        block, num_missing = self._block(int(length))
        if num_missing:
            error = f"{num_missing} bytes of the record's {length} are missing at the file's end"
            return Damage(offset, "truncated_archive", error, first[:EXCERPT_BYTES])
        return ArchiveRecord(offset, headers, block)

    def _next_line(self) -> bytes:
        self.line = self._stream.readline(MAX_LINE_BYTES)
        self._position += len(self.line)
        return self.line

    def _warc_headers(self) -> dict[str, str] | None:
        """Read up to the blank line; None where there is none."""
        lines, num_bytes = [], 0
        while self._next_line().strip():
            lines.append(self.line)
            num_bytes += len(self.line)
            if num_bytes > MAX_HEADER_BYTES:
                return None
        return parse_headers(b"".join(lines)) if self.line else None

    def _block(self, length: int) -> tuple[bytes | None, int]:
        """Return the block, or None where it is too long, and how many bytes are missing."""
        if length <= self._max_block_bytes:
            block = self._stream.read(length)
            self._position += len(block)
            return block, length - len(block)
        while length and (skipped := self._stream.read(min(length, SKIP_BYTES))):
            self._position += len(skipped)
            length -= len(skipped)
        return None, length


def _begins_record(line: bytes) -> bool:
    is_whole = line.endswith(b"\n")
    return is_whole and bool(_WARC_START.match(line) or _arc_fields(line))


def _arc_fields(line: bytes) -> list[bytes] | None:
    """Return the fields of an ARC record's one line; only the first, the URL, may hold spaces."""
    for num_fields in _ARC_NUM_FIELDS:
        fields = line.rstrip().rsplit(b" ", num_fields - 1)
        is_whole = len(fields) == num_fields and _ARC_URL.match(fields[0])
        if is_whole and _ARC_DATE.fullmatch(fields[2]):
            return fields
    return None


def _arc_headers(line: bytes) -> dict[str, str]:
    """Return an ARC record's one line as the headers of WARC that say the same."""
    fields = [field.decode("utf-8", "replace") for field in _arc_fields(line) or ()]
    url, date, length = fields[0], fields[2], fields[-1]
    is_first = url.startswith("filedesc:")
    if is_first and not _DIGITS.fullmatch(length):
        length = "0"  # its few lines are stray, then, and do not matter
    return {
        "warc-type": "warcinfo" if is_first else "response",
        "warc-target-uri": url,
        "warc-date": _iso_date(date),
        "content-type": "application/http",
        "content-length": length,
    }


def _iso_date(digits: str) -> str:
    """Return `2014-02-16T05:02:21Z` of `20140216050221`; a shorter date as a day alone."""
    day = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"
    if len(digits) < 14:
        return day
    return f"{day}T{digits[8:10]}:{digits[10:12]}:{digits[12:14]}Z"
