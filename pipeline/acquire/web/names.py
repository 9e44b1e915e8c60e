"""What files of the web are called here: the last part of their address, made safe.

Pure functions. Always true: a name has no empty, `.` or `..` part, no backslash and no control
character, and no two addresses share one.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

MAX_LENGTH = 200
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f/\\\u2028\u2029\ud800-\udfff]")


def file_name(address: str) -> str:
    """Return the last part of an address's path; of one without path, the host."""
    parts = urlsplit(address)
    last = parts.path.rstrip("/").rpartition("/")[2]
    return _safe(unquote(last)) or _safe(parts.hostname or "") or "file"


def unit_names(addresses: Sequence[str]) -> dict[str, str]:
    """Return the name of each address's unit; files of one name get the way to them before it."""
    names = {address: file_name(address) for address in dict.fromkeys(addresses)}
    for longer in (_full_name, _digest_name):
        uses = Counter(names.values())
        names = {a: longer(a) if uses[name] > 1 else name for a, name in names.items()}
    return names


def _full_name(address: str) -> str:
    parts = urlsplit(address)
    folders = [_safe(unquote(part)) for part in parts.path.rstrip("/").split("/")[:-1]]
    return "/".join(
        [part for part in (_safe(parts.netloc), *folders) if part] + [file_name(address)]
    )


def _digest_name(address: str) -> str:
    """Return a name apart from every other, for addresses that differ in their query alone."""
    return f"{hashlib.sha256(address.encode()).hexdigest()[:12]}/{file_name(address)}"


def _safe(name: str) -> str:
    cleaned = _UNSAFE.sub("_", name).strip()[-MAX_LENGTH:]
    return "" if cleaned.strip(".") == "" else cleaned
