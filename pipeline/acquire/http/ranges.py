"""Which bytes of a file to ask a web server for, and which of its answer to take.

Pure functions over a file, what was asked, and what RFC 9110 (14) says of the answer. Always true:
the bytes taken are those asked for, or there is an error.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import httpx

from pipeline.acquire.remote import ChangedError, RemoteFile, TransientError
from pipeline.errors import InputError

MAX_SKIPPED = 100_000_000
"""Bytes before a span that are read in vain where a server knows no ranges."""

PARTIAL = httpx.codes.PARTIAL_CONTENT
NO_SUCH_PART = httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE

_RANGE = re.compile(r"^bytes (?:(\d+)-\d+|\*)/(\d+|\*)$", re.ASCII)


@dataclass(frozen=True)
class Wanted:
    """The bytes to ask for, counted in what the address holds."""

    first: int
    end: int | None
    """The first byte that is not wanted; None: all that there are."""

    @property
    def is_whole(self) -> bool:
        """Whether that is all of the file."""
        return self.first == 0 and self.end is None

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to ask for."""
        return self.end is not None and self.end <= self.first

    @property
    def header(self) -> str:
        """What `Range` is to say."""
        return f"bytes={self.first}-{'' if self.end is None else self.end - 1}"


@dataclass(frozen=True)
class Extent:
    """Which bytes an answer holds."""

    first: int
    total: int | None
    """Of the whole file; None where the server does not say."""


def wanted_of(file: RemoteFile, start: int, length: int | None) -> Wanted:
    """Return which bytes of an address are `length` of a file from `start` on."""
    offset, num_bytes = file.span or (0, None)
    ends = [
        end
        for end in (
            None if num_bytes is None else offset + num_bytes,
            None if length is None else offset + start + length,
        )
        if end is not None
    ]
    return Wanted(offset + start, min(ends, default=None))


def extent_of(response: httpx.Response) -> Extent:
    """Return which bytes an answer holds.

    Raises TransientError for a part of which the server does not say which it is.
    """
    status = response.status_code
    if status not in {PARTIAL, NO_SUCH_PART}:
        length = response.headers.get("content-length", "")
        return Extent(0, int(length) if length.isascii() and length.isdigit() else None)
    given = response.headers.get("content-range", "").strip()
    match = _RANGE.match(given)
    if status == PARTIAL and (match is None or match[1] is None):
        raise TransientError(f"the server sent a part of the file but not which: {given!r}")
    if match is None or match[2] == "*":
        return Extent(int(match[1] or 0) if match else 0, None)
    return Extent(int(match[1] or 0), int(match[2]))


def check_size(file: RemoteFile, total: int | None) -> None:
    """Raise ChangedError where a whole file is not as long as it was listed."""
    is_whole = file.span is None and file.part is None
    if is_whole and None not in {total, file.num_bytes} and total != file.num_bytes:
        raise ChangedError(f"has {total:,} bytes and was listed with {file.num_bytes:,}")


def check_end(file: RemoteFile, wanted: Wanted, total: int | None) -> None:
    """Raise unless a part was refused because it begins where the file ends."""
    if file.span is not None:
        raise InputError(beyond(file, total))
    if wanted.first != total:
        raise ChangedError(f"ends before byte {wanted.first:,}, where it was to be read on")


def beyond(file: RemoteFile, total: int | None) -> str:
    """Say that a file does not hold the span that is wanted of it."""
    first, num_bytes = file.span or (0, 0)
    return (
        f"{file.address}: has no {num_bytes:,} bytes from byte {first:,} on"
        f"{'' if total is None else f', but {total:,} in all'}; correct offset and length"
    )


def check_begin(file: RemoteFile, wanted: Wanted, extent: Extent, is_part: bool) -> None:
    """Raise where an answer does not begin with the bytes asked for, or far too early."""
    if extent.first > wanted.first or (extent.first < wanted.first and is_part):
        raise TransientError(
            f"the server sent bytes from {extent.first:,} on, and was asked for {wanted.first:,}"
        )
    is_piece = file.span is not None or file.part is not None
    if is_piece and wanted.first - extent.first > MAX_SKIPPED:
        raise InputError(
            f"{file.address}: the server sends whole files only, and this is byte "
            f"{wanted.first:,} of one; take whole files, or another mirror"
        )


def take(chunks: Iterable[bytes], wanted: Wanted, extent: Extent) -> Iterator[bytes]:
    """Yield the wanted bytes of an answer's; raises TransientError where it ends before them."""
    ends = [end for end in (wanted.end, extent.total) if end is not None]
    end, position = min(ends, default=None), extent.first
    for chunk in chunks:
        piece = chunk[max(0, wanted.first - position) : None if end is None else end - position]
        position += len(chunk)
        if piece:
            yield piece
        if end is not None and position >= end:
            return
    if end is not None and position < end:
        raise TransientError(f"the answer ended at byte {position:,} of {end:,}")
