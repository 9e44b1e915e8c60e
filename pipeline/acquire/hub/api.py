"""What a hub of datasets answers: commits, files and texts of one repository.

Reads the hub's web API (https://huggingface.co/docs/hub/api) through the world, so that retries,
pauses, limits and tokens are those of any other download: huggingface_hub's client waits without
end and outside the world's clock. Writes nothing. Always true: the token goes to the hub alone and
stands in no message.
"""

import json
import unicodedata
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pipeline.acquire.http.answers import GATED, RefusedError
from pipeline.acquire.pages import read_linked_page, read_page
from pipeline.acquire.remote import World
from pipeline.errors import FetchError, InputError
from schemas.source import HubSource

DEFAULT_ENDPOINT = "https://huggingface.co"
IS_ON = {"1", "ON", "YES", "TRUE"}
"""Values by which huggingface_hub takes an environment variable for set."""


@dataclass(frozen=True)
class HubFile:
    """A file of a repository; `checksum` as RemoteFile has it."""

    name: str
    num_bytes: int
    checksum: str


class HubRepository:
    """One dataset of a hub, and what may be asked of it."""

    def __init__(self, source: HubSource, world: World) -> None:
        given = world.environment.get("HF_ENDPOINT") or DEFAULT_ENDPOINT
        self._endpoint = given.rstrip("/")
        self._world = world
        self._source = source
        self.page = f"{self._endpoint}/datasets/{source.repository}"
        self._api = f"{self._endpoint}/api/datasets/{source.repository}"

    def commit(self) -> str:
        """Return the commit that the source's revision stands for."""
        revision = quote(self._source.revision, safe="")
        address = f"{self._api}/revision/{revision}?expand=sha"
        answer, _ = self._ask(address)
        if not isinstance(answer, dict) or not _is_hex(answer.get("sha"), 40):
            raise self._misunderstood(address)
        return str(answer["sha"])

    def files(self, commit: str) -> list[HubFile]:
        """Return all files of a commit."""
        following: str | None = f"{self._api}/tree/{commit}?recursive=true&expand=false"
        asked: set[str] = set()
        found: list[HubFile] = []
        while following is not None:
            address = following
            asked.add(address)
            answer, following = self._ask(address)
            if not isinstance(answer, list):
                raise self._misunderstood(address)
            found += [file for entry in answer if (file := self._file(entry, address))]
            is_elsewhere = following and not following.startswith(f"{self._api}/")
            if is_elsewhere or following in asked:
                raise self._misunderstood(address)
        return found

    def text(self, commit: str, name: str) -> str:
        """Return the text of a small file."""
        address = self.address(commit, name)
        self._refuse_offline()
        return read_page(address, self._world, self._source.token_variable).decode(
            "utf-8", "replace"
        )

    def address(self, commit: str, name: str) -> str:
        """Return where the bytes of a file are."""
        return f"{self.page}/resolve/{commit}/{quote(name, safe='/')}"

    def _ask(self, address: str) -> tuple[Any, str | None]:
        self._refuse_offline()
        variable = self._source.token_variable
        try:
            content, following = read_linked_page(address, self._world, variable)
        except RefusedError as error:
            raise InputError(f"{self._name}: {self._explained(error)}") from error
        try:
            return json.loads(content), following
        except (ValueError, RecursionError) as error:
            raise self._misunderstood(address) from error

    def _refuse_offline(self) -> None:
        if self._world.environment.get("HF_HUB_OFFLINE", "").upper() in IS_ON:
            raise InputError(
                f"{self._name}: HF_HUB_OFFLINE forbids asking the hub; unset it, or name a commit "
                "that was listed before as the revision"
            )

    @property
    def _name(self) -> str:
        return f"{self._source.repository} at {self._source.revision}"

    def _file(self, entry: Any, address: str) -> HubFile | None:
        """Return what an entry of a tree says of a file; None for a folder."""
        if not isinstance(entry, dict):
            raise self._misunderstood(address)
        if entry.get("type") != "file":
            return None
        name, size, large = entry.get("path"), entry.get("size"), entry.get("lfs")
        digest, length = (entry.get("oid"), 40)
        if isinstance(large, dict):
            digest, length = large.get("oid"), 64
        if not (_is_name(name) and isinstance(size, int) and _is_hex(digest, length)):
            raise self._misunderstood(address)
        kind = "git" if length == 40 else "sha256"
        return HubFile(str(name), size, f"{kind}:{digest}")

    def _explained(self, error: RefusedError) -> str:
        """Say what a refusal means, and what to do."""
        if error.code == GATED:
            return f"is gated: ask for access at {self.page}; {self._of_token()}"
        if error.code == "RevisionNotFound":
            return "has no such commit, tag or branch; correct `revision`"
        if error.reason.startswith("Invalid credentials"):
            return f"the hub does not know the token in {self._source.token_variable}; renew it"
        if error.reason.endswith("is disabled."):
            return f"the hub has disabled it; see {self.page}"
        if error.code == "RepoNotFound" or error.status in {401, 403, 404}:
            return (
                "there is no such dataset, or it is private, which the hub does not tell apart: "
                f"correct `repository`, or use a token that may see it ({self._of_token()})"
            )
        return f"{error}; correct `repository` and `revision`"

    def _of_token(self) -> str:
        name = self._source.token_variable
        is_set = bool(self._world.environment.get(name, "").strip())
        return f"the token in {name} was sent" if is_set else f"{name} is not set"

    def _misunderstood(self, address: str) -> FetchError:
        return FetchError(
            f"{self._name}: {address} does not answer as a hub does; check HF_ENDPOINT, and "
            "whether a proxy or a login page is in between"
        )


def _is_hex(value: object, length: int) -> bool:
    return isinstance(value, str) and len(value) == length and set(value) <= set("0123456789abcdef")


def _is_name(value: object) -> bool:
    """Whether a value is a path within a repository that harms nobody who shows or keeps it."""
    return (
        isinstance(value, str)
        and not set(value.split("/")) & {"", ".", ".."}
        and not any(unicodedata.category(character) in {"Cc", "Cs"} for character in value)
    )
