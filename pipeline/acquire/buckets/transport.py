"""Reads objects of buckets and repositories (s3://, gs://, hf://) for `fetch.py`.

Always true: the bytes of one `read` are those of the object that the file's identity names. It is
compared before the first byte and after the last, so an object that is replaced in between is
noticed.
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.acquire.remote import ChangedError, RemoteFile
from pipeline.storage.errors import explained
from pipeline.storage.objects import open_filesystem, read_chunks, split_address
from schemas.recipe import Downloads


@dataclass(frozen=True)
class FilesystemTransport:
    """Implements Transport for the schemes of `pipeline.storage.objects`."""

    config: Downloads
    environment: Mapping[str, str]

    def read(self, file: RemoteFile, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of an object; see Transport."""
        filesystem = self.open(file.address)
        _refuse_change(file, filesystem)
        first, num_bytes = file.span or (0, None)
        if num_bytes is not None:
            rest = max(0, num_bytes - start)
            length = rest if length is None else min(length, rest)
        yield from read_chunks(filesystem, file.address, first + start, length)
        _refuse_change(file, self.open(file.address))

    def describe(self, file: RemoteFile) -> RemoteFile:
        """Return `file` with size and identity as they are now; see Transport."""
        info = info_of(self.open(file.address), file.address)
        num_bytes = file.span[1] if file.span else info["size"]
        return replace(file, num_bytes=num_bytes, identity=identity_of(info))

    def open(self, address: str) -> Any:
        """Return the filesystem of an address: one attempt, since whoever asks tries again."""
        return open_filesystem(address, self.environment, self.config.timeout, tries_again=False)


def info_of(filesystem: Any, address: str) -> dict[str, Any]:
    """Return what a filesystem says of an address; raises as `explained` does."""
    with explained(address):
        return dict(filesystem.info(split_address(address)[1]))


def identity_of(info: Mapping[str, Any]) -> str:
    """Return what tells one version of an object from another, or "" where nothing does.

    An ETag of S3, a generation of Google, the object id of a repository; the size beside it.
    """
    for key in ("ETag", "generation", "blob_id", "xet_hash"):
        if info.get(key):
            return f"{key.lower()}:{str(info[key]).strip(chr(34))}-{info['size']}"
    return ""


def checksum_of(info: Mapping[str, Any]) -> str | None:
    """Return the digest of the whole object, where its owner states one.

    S3's ETag is none: of an object in parts or under some encryptions it is no MD5.
    """
    if info.get("lfs"):  # https://huggingface.co/docs/hub/api: the oid of an LFS file
        return f"sha256:{info['lfs']['sha256']}"
    if info.get("md5Hash"):  # https://cloud.google.com/storage/docs/json_api/v1/objects
        return f"md5:{base64.b64decode(info['md5Hash']).hex()}"
    return None


def _refuse_change(file: RemoteFile, filesystem: Any) -> None:
    found = identity_of(info_of(filesystem, file.address))
    is_comparable = found.partition(":")[0] == file.identity.partition(":")[0]
    if found != file.identity and is_comparable:
        raise ChangedError("is another object than was listed")
