"""Real text for benchmarks: code and documentation of the installed distributions.

Returns documents in an order that depends on their content alone, so that a part is a fair sample.
"""

import hashlib
import sysconfig
from pathlib import Path

import pyarrow as pa

SUFFIXES = {".py", ".pyi", ".md", ".rst", ".txt"}
MIN_BYTES, MAX_BYTES = 200, 200_000


def installed_texts(num_bytes: int) -> pa.Array:
    """Return documents of `num_bytes` of UTF-8 in all, or of all there is."""
    folder = Path(sysconfig.get_path("stdlib"))
    packages = Path(sysconfig.get_path("purelib"))
    found = {
        hashlib.sha256(data).digest(): data
        for root in (folder, packages)
        for path in root.rglob("*")
        if path.suffix in SUFFIXES and path.is_file()
        if MIN_BYTES <= len(data := path.read_bytes()) <= MAX_BYTES
    }
    texts, size = [], 0
    for digest in sorted(found):
        if size >= num_bytes:
            break
        text = found[digest].decode("utf-8", errors="replace")
        texts.append(text)
        size += len(text.encode())
    return pa.array(texts, pa.string())
