"""Answers that a server compressed for the way, though it was asked not to.

Many servers say `Content-Encoding: gzip` of a .gz file as it lies: then its bytes are the file's.
Of any other file they are not, and are unpacked, a bounded piece at a time. Reads an answer's
headers and body; keeps nothing.
"""

import zlib
from collections.abc import Iterator

import httpx

from pipeline.acquire.remote import TransientError

MAX_PIECE = 1 << 20

_GZIP = {"gzip", "x-gzip"}
_SUFFIXES = {"br": (".br",), "zstd": (".zst",), **dict.fromkeys(_GZIP, (".gz", ".tgz"))}


def is_packed(response: httpx.Response, address: str) -> bool:
    """Say whether the server compressed a file that does not lie there compressed.

    Its name says so: that of the address asked for, or of the one that this redirects to.
    """
    encoding = _encoding(response)
    if encoding in {"", "identity"}:
        return False
    paths = (response.request.url.path, httpx.URL(address).path)
    return not any(path.lower().endswith(_SUFFIXES.get(encoding, ())) for path in paths)


def unpack(response: httpx.Response) -> Iterator[bytes]:
    """Yield the bytes of the file in an answer that is packed."""
    encoding = _encoding(response)
    if encoding not in {*_GZIP, "deflate"}:
        raise TransientError(f"the server compressed the file ({encoding}), unasked")
    unpacker = zlib.decompressobj(wbits=47)  # gzip or zlib, as the header says
    try:
        for chunk in response.iter_raw():
            while chunk and not unpacker.eof:
                yield unpacker.decompress(chunk, MAX_PIECE)
                chunk = unpacker.unconsumed_tail
        yield unpacker.flush()
    except zlib.error as error:
        raise TransientError(f"what the server compressed cannot be read: {error}") from error
    if not unpacker.eof:
        raise TransientError("the answer ended in the middle")


def _encoding(response: httpx.Response) -> str:
    return str(response.headers.get("content-encoding", "")).strip().lower()
