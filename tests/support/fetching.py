"""A file to fetch, and a process that fetches one: to be killed, or to meet another."""

import hashlib
import subprocess
import sys
from pathlib import Path

from pipeline.acquire.fetch import fetch_file
from pipeline.acquire.pages import describe
from pipeline.acquire.remote import RemoteFile
from pipeline.store import Store
from tests.support.web import world_of

ROOT = Path(__file__).resolve().parents[2]
CONTENT = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(4_000))  # 128,000 bytes
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def parts(store: Store) -> list[str]:
    """Return what kinds of unfinished files a store holds."""
    return sorted(path.suffix for path in (store.root / ".downloads").glob("*"))


def start_fetching(address: str, store: Path) -> subprocess.Popen[str]:
    """Start a process that fetches an address into a store and writes the digest to its output."""
    command = [sys.executable, "-m", "tests.support.fetching", address, str(store)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


if __name__ == "__main__":
    with world_of() as world:
        file = describe(RemoteFile("file", sys.argv[1], ""), world)
        sys.stdout.write(fetch_file(file, Store(Path(sys.argv[2])), world, "source").digest)
