"""Lines of a byte stream, in bounded memory.

Reads chunks of bytes; yields numbered lines. Always true: no more than the limit is held of a line,
however long it is; what lies before a cut comes out before the error does, a cut line does not.
"""

from collections.abc import Iterator
from typing import NamedTuple

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """One line, without its newline."""

    number: int  # from 1
    content: bytes
    num_bytes: int  # more than len(content) where only its beginning was kept


def read_lines(chunks: Iterator[bytes], max_bytes: int) -> Iterator[Line]:
    """Yield the lines; of one longer than `max_bytes`, only the beginning is kept."""
    number, pending, held, size = 1, [], 0, 0
    for chunk in chunks:
        start = 0
        while True:
            newline = chunk.find(b"\n", start)
            piece = chunk[start : newline if newline >= 0 else None]
            size += len(piece)
            if held < max_bytes:
                pending.append(piece[: max_bytes - held])
                held += len(pending[-1])
            if newline < 0:
                break
            yield Line(number, b"".join(pending), size)
            number, pending, held, size, start = number + 1, [], 0, 0, newline + 1
    if size:
        yield Line(number, b"".join(pending), size)
