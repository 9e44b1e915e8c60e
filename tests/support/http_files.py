"""Files of a web server, as a transport is asked for them."""

from dataclasses import replace

from pipeline.acquire.remote import RemoteFile, Transport
from tests.support.web import Web

CONTENT = bytes(range(256)) * 40  # 10,240 bytes


def file_at(web: Web, path: str = "/dump", **facts: object) -> RemoteFile:
    return replace(RemoteFile("dump", web.address(path), ""), **facts)  # type: ignore[arg-type]


def read(transport: Transport, file: RemoteFile, *part: int) -> bytes:
    return b"".join(transport.read(file, *part))
