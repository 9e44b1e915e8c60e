"""What a web server's answer says: which version of a file it is, or what went wrong.

Reads status and headers as RFC 9110 defines them; touches no network. Always true: no message
names more of an address than the recipe does, for a redirect may hold a signature.
"""

import re
from email.utils import parsedate_to_datetime

import httpx

from pipeline.acquire.remote import ChangedError, RemoteFile, TransientError
from pipeline.errors import InputError

BUSY = {408, 425, 429}
"""Beside 5xx: statuses after which asking again may help."""

GATED = "GatedRepo"
"""What a hub's `X-Error-Code` says of a dataset that has to be asked for."""

_USED_UP = re.compile(r";\s*r\s*=\s*0\s*;\s*t\s*=\s*([0-9]{1,9})\b", re.ASCII)
_STRONG_TAG = re.compile(r'^"[^"]*"$')


class RefusedError(InputError):
    """A server answered and gave no file; `code` and `reason` are what hubs say of why."""

    def __init__(self, message: str, status: int = 0, code: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.reason = reason


def identity_of(headers: httpx.Headers, total: int | None) -> str:
    """Return what tells this version of a file from others; empty where the headers do not.

    A strong ETag does; a weak one (`W/"…"`) may stay as the bytes change (RFC 9110, 8.8.1).
    """
    tag = headers.get("etag", "").strip()
    if _STRONG_TAG.match(tag):
        return f"etag:{tag}"
    modified = headers.get("last-modified", "").strip()
    return f"modified:{modified} {total}" if modified and total is not None else ""


def check_identity(file: RemoteFile, identity: str, start: int) -> None:
    """Raise ChangedError where an answer is of another version than was listed.

    An answer that does not say its version is believed for a whole file only: parts of two
    versions must not meet.
    """
    kind = file.identity.partition(":")[0]
    if kind not in {"etag", "modified"} or identity == file.identity:
        return
    if identity.startswith(f"{kind}:"):
        raise ChangedError(f"was {file.identity} and is {identity}")
    if start:
        raise ChangedError(f"was {file.identity}; the server does not say which version it has now")


def condition_of(file: RemoteFile) -> str | None:
    """Return what `If-Range` is to say, so that a part of another version is never sent."""
    kind, _, value = file.identity.partition(":")
    if kind == "etag":
        return value
    return value.rpartition(" ")[0] if kind == "modified" else None


def check_status(response: httpx.Response, file: RemoteFile, has_token: bool) -> None:
    """Raise TransientError or RefusedError for an answer that is no file."""
    status = response.status_code
    if response.is_success or status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        return
    said = f"{status} {response.reason_phrase}".strip()
    if status in BUSY or response.is_server_error:
        raise TransientError(f"the server answered {said}", _retry_after(response.headers))
    code = response.headers.get("x-error-code", "")
    advice = _advice_for_gated if code == GATED else _advice
    raise RefusedError(
        f"{file.address}: the server answered {said}; {advice(file, status, has_token)}",
        status,
        code,
        response.headers.get("x-error-message", ""),
    )


def _advice_for_gated(file: RemoteFile, status: int, has_token: bool) -> str:
    """Say how to come by a dataset of a hub whose owners want to be asked."""
    page, name = file.address.partition("/resolve/")[0], file.token_variable
    if has_token:
        return f"it is gated, and the token in {name}, which was sent, has no access; ask at {page}"
    return f"it is gated: ask for access at {page}, then set {name or 'a token'} (none was sent)"


def _advice(file: RemoteFile, status: int, has_token: bool) -> str:
    if status in {httpx.codes.NOT_FOUND, httpx.codes.GONE}:
        return "correct the address, or remove it"
    if status not in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return "check the address"
    name = file.token_variable
    if name is None:
        return "it wants a login: name the environment variable with a token in `token_variable`"
    if not has_token:
        return f"set the environment variable {name} to a token that may read it"
    return f"the token in {name} may not read it: ask its owners for access, or use another token"


def _retry_after(headers: httpx.Headers) -> float | None:
    """Return the seconds that a server asks to wait, given as such or as a date.

    A hub says in place of it when a quota that is used up begins anew: `RateLimit` of
    draft-ietf-httpapi-ratelimit-headers, `"api";r=0;t=55`.
    """
    if quotas := _USED_UP.findall(headers.get("ratelimit", "")):
        return max(float(seconds) for seconds in quotas)
    given = headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit():
        return float(given)
    try:
        until = parsedate_to_datetime(given)
        return max(0.0, (until - parsedate_to_datetime(headers["date"])).total_seconds())
    except (ValueError, KeyError, TypeError):
        return None
