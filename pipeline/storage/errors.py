"""What the errors of object storage mean: whose fault they are, and what to do.

Reads what fsspec's filesystems and the libraries below them raise. Always true: no message holds a
secret, or an address that is signed.
"""

import contextlib
import re
from collections.abc import Iterator

from pipeline.acquire.remote import ChangedError, NoConnectionError, TransientError
from pipeline.errors import FetchError, InputError

_REFUSED_KEYS = {
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
    "InvalidClientTokenId", "AuthFailure", "TokenRefreshRequired",
}  # fmt: skip
_ELSEWHERE = {"PermanentRedirect", "AuthorizationHeaderMalformed", "301", "307"}
# What botocore, google-auth and others raise before they ask any server.
_UNUSABLE = {
    "NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "CredentialRetrievalError",
    "NoRegionError", "ParamValidationError", "InvalidEndpointDiscoveryConfigurationError",
    "ValueError", "GoogleAuthError",
}  # fmt: skip
_UNREACHED = {
    "EndpointConnectionError", "ConnectTimeoutError", "ClientConnectorError", "ConnectError",
}  # fmt: skip
_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (AWS_SESSION_TOKEN)",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "hf": "HF_TOKEN",
}


class AbsentError(InputError):
    """There is nothing at an address."""


@contextlib.contextmanager
def reached(address: str, purpose: str) -> Iterator[None]:
    """Turn what may be otherwise later, after the library's own retries, into a FetchError."""
    try:
        yield
    except (TransientError, ChangedError) as error:
        raise FetchError(f"{address}: {purpose}: {error}") from None


@contextlib.contextmanager
def explained(address: str) -> Iterator[None]:
    """Turn what a filesystem's library raises about an address into an error of this project.

    Raises AbsentError where nothing is there, InputError where it may not be read or asked for like
    this, ChangedError where an object is replaced while it is read, TransientError otherwise.
    """
    scheme = address.partition("://")[0]
    try:
        yield
    except _library_errors(scheme) as error:
        # Not chained: the library's own text may hold an address that is signed.
        raise _explain(error, address, scheme) from None


def _library_errors(scheme: str) -> tuple[type[Exception], ...]:
    if scheme == "s3":
        from aiohttp import ClientError as ConnectionFailure
        from botocore.exceptions import BotoCoreError, ClientError

        return (OSError, ValueError, ConnectionFailure, BotoCoreError, ClientError)
    if scheme == "gs":
        from aiohttp import ClientError as ConnectionFailure
        from gcsfs.retry import HttpError
        from google.auth.exceptions import GoogleAuthError

        return (OSError, ValueError, ConnectionFailure, HttpError, GoogleAuthError)
    from huggingface_hub.errors import HfHubHTTPError

    # Its base is HTTPError of whichever HTTP library it was built on.
    return (OSError, ValueError, *HfHubHTTPError.__mro__[1:2])


def _explain(error: Exception, address: str, scheme: str) -> Exception:
    names = {kind.__name__ for kind in type(error).__mro__}
    status, code = _answer(error)
    if "FileExpired" in names:  # s3fs asks for the rest of the object that it opened
        return ChangedError("was replaced while it was read")
    if isinstance(error, FileNotFoundError) or status == 404:
        what = "no such bucket" if code == "NoSuchBucket" else "nothing is there"
        other = ", or set HF_TOKEN if it is private" if scheme == "hf" else ""
        return AbsentError(f"{address}: {what}; correct the address{other}")
    if code in _REFUSED_KEYS or status == 401:
        return InputError(
            f"{address}: the credentials are not accepted{_quoted(code)}; "
            f"check {_CREDENTIALS[scheme]}"
        )
    if isinstance(error, PermissionError) or status == 403:
        return InputError(
            f"{address}: access is denied{_quoted(code)}; it may need other credentials: "
            f"set {_CREDENTIALS[scheme]}"
        )
    if code in _ELSEWHERE or status in (301, 307):
        return InputError(f"{address}: lies in another region; set AWS_REGION to it")
    if names & _UNUSABLE or (status is not None and 400 <= status < 500 and status not in _LATER):
        return InputError(f"{address}: cannot be asked for: {_scrubbed(error)}")
    if names & _UNREACHED:
        return NoConnectionError(_scrubbed(error))
    return TransientError(_scrubbed(error), _retry_after(error))


_LATER = (408, 409, 425, 429)


def _answer(error: Exception) -> tuple[int | None, str]:
    """Return the server's HTTP status and its own code, as far as they are known."""
    for each in (error, error.__cause__):
        response = getattr(each, "response", None)
        if isinstance(response, dict):  # botocore's
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            return status, str(response.get("Error", {}).get("Code", ""))
        status = getattr(response, "status_code", getattr(each, "code", None))
        if isinstance(status, int):
            return status, ""
    return None, ""


def _retry_after(error: Exception) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", {})
    value = str(headers.get("Retry-After", ""))
    return float(value) if value.isdecimal() else None


def _quoted(code: str) -> str:
    return f" ({code})" if code and not code.isdecimal() else ""


def _scrubbed(error: Exception) -> str:
    """Return an error's text on one line, without what addresses in it may hold of secrets."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = re.sub(r"^\[Errno -?\d+\] ", "", text)
    text = re.sub(r"(?<=://)[^/\s@]*@", "", text)
    return re.sub(r"\?[^\s'\">]*", "?…", text)
