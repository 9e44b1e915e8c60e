"""Object storage through fsspec: addresses, who may read what, and what its errors mean.

    s3://BUCKET/KEY      Amazon S3 and what speaks its protocol; needs the extra `s3`
    gs://BUCKET/KEY      Google Cloud Storage; needs the extra `gs`
    hf://datasets/OWNER/NAME[@REVISION]/PATH      repositories of the Hugging Face hub

Credentials and endpoints come from the environment alone, by the names their owners gave them:
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL_S3,
AWS_ENDPOINT_URL; GOOGLE_APPLICATION_CREDENTIALS, STORAGE_EMULATOR_HOST; HF_TOKEN, HF_ENDPOINT.
Where AWS_ACCESS_KEY_ID is not set, what botocore finds is taken (a profile, the machine's role);
where it finds nothing, requests go unsigned, as public buckets allow. AWS_NO_SIGN_REQUEST=yes asks
for that in spite of credentials, AWS_REQUEST_PAYER=requester pays for what is read from buckets
that want it (arXiv's), GS_USER_PROJECT names the project that pays for Google's: GDAL's names
(https://gdal.org/en/stable/user/virtual_file_systems.html). No message holds a secret.
"""

import functools
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.acquire.remote import TransientError
from pipeline.errors import InputError
from pipeline.storage.errors import explained

EXTRAS = {"s3": "s3", "gs": "gs", "hf": None}
"""The schemes that are understood, and the extra of this project that each needs."""
TIMEOUT = 60.0
ATTEMPTS = 5
"""Of a request that fails for now, unless AWS_MAX_ATTEMPTS says otherwise."""
MAX_CONNECTIONS = 32
PARTS = 2
"""Of one large file, 50 MiB each, that are in memory at once while it is sent."""
CHUNK_BYTES = 8 * 2**20

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]+")
_REPOSITORY = re.compile(r"(datasets|buckets)/[\w.-]+/[\w.%@-]+/")


def is_address(text: str) -> bool:
    """Say whether a text is an address, not a path."""
    return "://" in text


def split_address(address: str) -> tuple[str, str]:
    """Return an address's scheme and the rest, without slashes around it.

    Raises InputError where the scheme is none of EXTRAS, or no bucket or repository is named.
    """
    scheme, _, rest = address.partition("://")
    parts = rest.strip("/").split("/")
    if scheme not in EXTRAS:
        known = ", ".join(f"{name}://" for name in EXTRAS)
        raise InputError(f"{address}: unknown scheme; what is understood here: {known}")
    if scheme == "hf" and not _REPOSITORY.match(f"{rest}/"):
        raise InputError(f"{address}: name a repository, as in hf://datasets/OWNER/NAME/…")
    if scheme != "hf" and not _BUCKET.fullmatch(parts[0]):
        raise InputError(f"{address}: name a bucket, as in {scheme}://BUCKET/PREFIX")
    if "" in parts or "." in parts or ".." in parts:
        raise InputError(f"{address}: has an empty part, or one that is only dots")
    return scheme, "/".join(parts)


def local_copy(root: Path, address: str) -> Path:
    """Return the folder below `root` for what also lies at an address."""
    scheme, rest = split_address(address)
    return root.joinpath(".buckets", scheme, *rest.split("/"))


def open_filesystem(
    address: str,
    environment: Mapping[str, str],
    timeout: float = TIMEOUT,
    tries_again: bool = True,
) -> Any:
    """Return the fsspec filesystem for an address; it lists anew each time it is asked.

    May be called from any thread, each time it is needed. With `tries_again` the library asks
    several times before it fails. Raises InputError where the address or
    the environment will not do, or the extra is not installed.
    """
    import fsspec

    scheme, _ = split_address(address)
    try:
        kind = fsspec.get_filesystem_class(scheme)
    except ImportError:
        raise InputError(
            f"{address}: needs a library that is not installed; "
            f"pip install 'anchor-corpus[{EXTRAS[scheme]}]'"
        ) from None
    if scheme == "hf":
        return _open_hub(kind, environment)
    with explained(address):
        options = _OPTIONS[scheme](environment, timeout, tries_again)
    return _shared(kind, 2 if tries_again else 1, os.getpid(), _frozen(options))


def _s3_options(
    environment: Mapping[str, str], timeout: float, tries_again: bool
) -> dict[str, Any]:
    key = environment.get("AWS_ACCESS_KEY_ID")
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    attempts = int(environment.get("AWS_MAX_ATTEMPTS") or ATTEMPTS) if tries_again else 1
    unsigned = environment.get("AWS_NO_SIGN_REQUEST", "").lower() in ("yes", "true", "1")
    return {
        "anon": unsigned or not (key or _botocore_has_credentials()),
        "key": key,
        "secret": environment.get("AWS_SECRET_ACCESS_KEY") if key else None,
        "token": environment.get("AWS_SESSION_TOKEN") if key else None,
        "endpoint_url": environment.get("AWS_ENDPOINT_URL_S3")
        or environment.get("AWS_ENDPOINT_URL"),
        "max_concurrency": PARTS,
        "requester_pays": environment.get("AWS_REQUEST_PAYER", "").lower() == "requester",
        "client_kwargs": {"region_name": region} if region else {},
        "config_kwargs": {
            "connect_timeout": timeout,
            "read_timeout": timeout,
            "retries": {"mode": "standard", "total_max_attempts": attempts},
            "max_pool_connections": MAX_CONNECTIONS,
        },
        "use_listings_cache": False,
    }


def _botocore_has_credentials() -> bool:
    import botocore.session

    return botocore.session.Session().get_credentials() is not None


def _gs_options(
    environment: Mapping[str, str], timeout: float, tries_again: bool
) -> dict[str, Any]:
    emulator = environment.get("STORAGE_EMULATOR_HOST")
    return {
        "token": "anon" if emulator else None,  # None: what Google's own tools would use
        "endpoint_url": emulator,
        "requester_pays": environment.get("GS_USER_PROJECT") or False,
        "timeout": timeout,
        "use_listings_cache": False,
    }


_OPTIONS = {"s3": _s3_options, "gs": _gs_options}


def _open_hub(kind: Any, environment: Mapping[str, str]) -> Any:
    """Return the hub's filesystem, of which each thread has its own: it keeps what it listed."""
    token = environment.get("HF_TOKEN") or False  # False: not the one that a login left behind
    filesystem = kind(endpoint=environment.get("HF_ENDPOINT"), token=token)
    filesystem.invalidate_cache()
    return filesystem


@functools.lru_cache(maxsize=16)
def _shared(kind: Any, retries: int, process: int, options: tuple[tuple[str, Any], ...]) -> Any:
    """Return one filesystem for all threads of a process: each has its own pool of connections.

    `retries`: how often fsspec's own layer asks for what broke off after the library's attempts.
    """
    filesystem = kind(**_thawed(options), skip_instance_cache=True)
    filesystem.retries = retries
    return filesystem


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple((key, _frozen(each)) for key, each in value.items())
    return value


def _thawed(options: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    return {key: _thawed(value) if isinstance(value, tuple) else value for key, value in options}


def read_chunks(
    filesystem: Any, address: str, start: int = 0, length: int | None = None
) -> Iterator[bytes]:
    """Yield the bytes at an address from `start` on, `length` of them or all, range by range.

    Raises as `explained` does.
    """
    with explained(address):
        handle = filesystem.open(address, "rb", block_size=CHUNK_BYTES, cache_type="none")
        end = handle.size if length is None else min(handle.size, start + length)
        handle.seek(min(start, end))
    with handle:
        while handle.tell() < end:
            with explained(address):
                chunk = handle.read(min(CHUNK_BYTES, end - handle.tell()))
            if not chunk:
                raise TransientError(f"ended before its {end:,} bytes")
            yield chunk
