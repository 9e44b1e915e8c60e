"""Archives made for tests: good ones, and those that nobody should open carelessly."""

import gzip
import io
import tarfile
from typing import Any

import py7zr

BZIP2 = [{"id": py7zr.FILTER_BZIP2}]


def gzipped(content: bytes) -> bytes:
    """Return a .gz that is the same at any time of day: a test's name may hold it."""
    return gzip.compress(content, mtime=0)


def seven_zip(
    files: dict[str, bytes], filters: list[dict[str, Any]] | None = None, plain: bool = False
) -> bytes:
    """Return a .7z of these files, one solid folder; `plain` leaves its header uncompressed."""
    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w", filters=filters or BZIP2) as archive:
        archive.set_encoded_header_mode(not plain)
        for name, content in files.items():
            archive.writestr(content, name)
    return buffer.getvalue()


def tar(files: dict[str, bytes], format_: int = tarfile.PAX_FORMAT) -> bytes:
    """Return a tar of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format_) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def tar_of_links(kinds: dict[str, tuple[bytes, str]]) -> bytes:
    """Return a tar of members by name: their kind, and what they link to."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, (kind, target) in kinds.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            archive.addfile(member)
    return buffer.getvalue()
