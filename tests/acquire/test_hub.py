"""Datasets of the hub: which files, of which commit, and what is said where that fails."""

import hashlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.acquire.fetch import fetch_file, key_of
from pipeline.acquire.hub.lister import card_header, list_files, needed_columns
from pipeline.acquire.listing import list_source
from pipeline.acquire.remote import Listing, World
from pipeline.errors import FetchError, InputError
from pipeline.store import Store
from schemas.source import Fields, HubSource
from tests.support.hub import Hub, blob_of, serve_hub
from tests.support.web import Answer, Fault, Request, world_of

REPOSITORY = "acme/pages"
TOKEN = "hf_a-secret-of-the-tests"
CARD = b"""---
license: cc-by-4.0
configs:
- config_name: en
  default: true
  data_files:
  - {split: train, path: en/train-*}
  - {split: test, path: en/test.jsonl}
- {config_name: de, data_files: de/*.jsonl}
---
# Pages
"""
GERMAN = "de/all \xe4#?.jsonl"
FILES = {
    "README.md": CARD,
    "en/train-00000.parquet": b"PAR1",
    "en/train-00001.jsonl.zst": b"packed",
    "en/test.jsonl": b"{}",
    GERMAN: b"{}\n",
    "tools/make.py": b"raise SystemExit('this was run')",
}
TRAIN = ["en/train-00000.parquet", "en/train-00001.jsonl.zst"]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve_hub() as served:
        served.publish(REPOSITORY, FILES)
        yield served


@pytest.fixture
def world(hub: Hub) -> Iterator[World]:
    with world_of({"HF_ENDPOINT": hub.endpoint}) as opened:
        yield opened


def source(**given: Any) -> HubSource:
    facts = {"kind": "hub", "name": "pages", "repository": REPOSITORY, "license": "CC-BY-4.0"}
    return HubSource(**{**facts, **given})


def listed(world: World, **given: Any) -> Listing:
    return list_files(source(**given), Path(), world)


def names(world: World, **given: Any) -> list[str]:
    return [file.name for file in listed(world, **given).files]


def failure(world: World, **given: Any) -> str:
    with pytest.raises((InputError, FetchError)) as caught:
        listed(world, **given)
    assert TOKEN not in f"{caught.value} {caught.value.__cause__}"
    return str(caught.value)


def api(hub: Hub, kind: str, revision: str) -> str:
    return f"/api/datasets/{REPOSITORY}/{kind}/{revision}"


def test_the_default_configuration_and_split_are_listed_at_a_commit(hub: Hub, world: World) -> None:
    commit = hub.repositories[REPOSITORY].branches["main"]
    listing = listed(world)
    assert [file.name for file in listing.files] == TRAIN
    assert (listing.revision, listing.origin) == (commit, f"{hub.endpoint}/datasets/{REPOSITORY}")
    for file in listing.files:
        content = FILES[file.name]
        assert file.address == hub.address(hub.file_path(REPOSITORY, commit, file.name))
        assert file.num_bytes == len(content)
        assert file.checksum == file.identity == f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_a_small_file_is_known_by_its_blob_and_any_name_can_be_fetched(
    hub: Hub, world: World, tmp_path: Path
) -> None:
    (file,) = listed(world, config="de").files
    content = FILES[GERMAN]
    assert (file.name, file.checksum) == (GERMAN, f"git:{blob_of(content)}")
    assert fetch_file(file, Store(tmp_path), world, "pages").path.read_bytes() == content


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"split": "test"}, ["en/test.jsonl"]),
        ({"files": ["*/*.jsonl"]}, [GERMAN, "en/test.jsonl"]),
        ({"files": ["**/*.parquet"]}, TRAIN[:1]),
        ({"files": ["**/README.md"]}, ["README.md"]),
        ({"files": ["en/*"], "config": "nowhere", "split": "never"}, ["en/test.jsonl", *TRAIN]),
    ],
)
def test_splits_and_patterns_choose_files(
    world: World, given: dict[str, Any], expected: list[str]
) -> None:
    assert names(world, **given) == expected


def test_fewer_files_are_a_part_of_more(hub: Hub, world: World) -> None:
    hub.publish(REPOSITORY, {f"data/{n:03}.jsonl": b"" for n in range(20)})
    chosen = [set(names(world, files=["data/*"], max_files=size)) for size in range(1, 21)]
    assert all(less < more for less, more in itertools.pairwise(chosen))
    assert sorted(map(len, chosen)) == list(range(1, 21))


@pytest.mark.parametrize("branch", ["v1.0", "refs/convert/parquet", "refs/pr/7", "a b/\xe4"])
def test_revisions_may_have_any_name(hub: Hub, world: World, branch: str) -> None:
    commit = hub.publish(REPOSITORY, {"train.jsonl": b"{}"}, branch)
    listing = listed(world, revision=branch)
    assert (listing.revision, [file.name for file in listing.files]) == (commit, ["train.jsonl"])
    assert listed(world).revision != commit


def test_a_commit_is_not_resolved(hub: Hub, world: World) -> None:
    commit = hub.repositories[REPOSITORY].branches["main"]
    hub.publish(REPOSITORY, {})
    assert names(world, revision=commit, files=["en/*.parquet"]) == TRAIN[:1]
    assert [r.path.partition("?")[0] for r in hub.requests] == [api(hub, "tree", commit)]


def test_all_pages_of_a_large_repository_are_read(hub: Hub, world: World) -> None:
    hub.publish(REPOSITORY, {f"data/{n:04}.jsonl": b"" for n in range(2_500)})
    assert len(names(world)) == 2_500
    assert len([r for r in hub.requests if "/tree/" in r.path]) == 3


def test_what_a_commit_leaves_as_it_was_keeps_its_key(hub: Hub, world: World) -> None:
    before = listed(world, files=["en/*"])
    hub.publish(REPOSITORY, {**FILES, "en/test.jsonl": b"{}\n{}\n"})
    after = listed(world, files=["en/*"])
    assert before.revision != after.revision
    both = zip(before.files, after.files, strict=True)
    assert [old.name for old, new in both if key_of(old) != key_of(new)] == ["en/test.jsonl"]


def test_a_blob_of_another_dataset_is_not_believed_to_be_the_same(hub: Hub, world: World) -> None:
    hub.publish("evil/twin", FILES)
    (own,), (other,) = (
        listed(world, repository=each, split="test").files for each in (REPOSITORY, "evil/twin")
    )
    assert own.checksum == other.checksum
    assert key_of(own) != key_of(other)


def test_the_list_of_a_commit_is_kept_and_that_of_a_branch_is_not(
    hub: Hub, world: World, tmp_path: Path
) -> None:
    commit = listed(world).revision
    pinned, moving = source(revision=commit, columns="needed", max_row_groups=2), source()
    first = [list_source(each, Path(), world, Store(tmp_path)) for each in (pinned, moving)]
    assert first[0].files[0].part is not None
    hub.forget()
    assert list_source(pinned, Path(), world, Store(tmp_path)) == first[0]
    assert hub.requests == []
    assert list_source(moving, Path(), world, Store(tmp_path)) == first[1]
    assert hub.requests != []
    with (
        world_of({"HF_ENDPOINT": f"{hub.endpoint}/mirror"}) as elsewhere,
        pytest.raises(InputError),
    ):
        list_source(pinned, Path(), elsewhere, Store(tmp_path))


def test_what_is_not_there_is_said_with_what_is(world: World) -> None:
    assert "there is no 'dev'; there are: test, train" in failure(world, split="dev")
    assert "there is no 'fr'; there are: de, en" in failure(world, config="fr")
    message = failure(world, files=["*.csv"])
    assert f"files: *.csv match nothing in {REPOSITORY} at main, which holds README.md, " in message


def test_a_loading_script_is_not_run(hub: Hub, world: World) -> None:
    hub.publish(REPOSITORY, {"README.md": b"# Hello", "pages.py": b"import os; os._exit(9)"})
    message = failure(world)
    assert "come from a script (pages.py), which is not run" in message
    assert "refs/convert/parquet" in message


def test_row_groups_are_taken_of_parquet_files_alone(hub: Hub, world: World) -> None:
    assert "max_row_groups: none of the files is" in failure(world, split="test", max_row_groups=1)
    files = listed(world, max_row_groups=1).files
    assert [file.part is not None for file in files] == [True, False]
    assert [file.num_bytes is None for file in files] == [True, False]


def test_needed_columns_are_those_of_the_fields() -> None:
    fields = Fields(text=("title", "body"), id="meta.id", metadata=("score",))
    assert needed_columns(fields) == ("body", "meta", "meta.id", "score", "title")


# What goes wrong, and what is said of it.


def test_a_gated_dataset_is_read_with_access_alone(hub: Hub, tmp_path: Path) -> None:
    hub.repositories[REPOSITORY].gated = True
    hub.tokens = {TOKEN: {REPOSITORY}, "hf_other": set()}
    page = f"{hub.endpoint}/datasets/{REPOSITORY}"

    def attempt(token: str | None, **given: Any) -> str:
        environment = {"HF_ENDPOINT": hub.endpoint, **({"HF_TOKEN": token} if token else {})}
        with world_of(environment) as world:
            (file,) = listed(world, max_files=1, **given).files
            return fetch_file(file, Store(tmp_path), world, "pages").name

    for given in ({}, {"files": ["en/test.jsonl"]}):  # with the card, and with the file itself
        with pytest.raises(InputError) as caught:
            attempt(None, **given)
        message = str(caught.value)
        assert message.startswith("source pages: ")
        assert f"ask for access at {page}, then set HF_TOKEN (none was sent)" in message
        with pytest.raises(InputError) as caught:
            attempt("hf_other", **given)
        message = str(caught.value)
        assert f"the token in HF_TOKEN, which was sent, has no access; ask at {page}" in message
        assert "hf_other" not in message
    assert attempt(TOKEN) in TRAIN


def test_another_variable_may_hold_the_token(hub: Hub) -> None:
    hub.repositories[REPOSITORY].private = True
    hub.tokens = {TOKEN: {REPOSITORY}}
    environment = {"HF_ENDPOINT": hub.endpoint, "ACME": f" {TOKEN}\n", "HF_TOKEN": "hf_wrong"}
    with world_of(environment) as world:
        assert names(world, token_variable="ACME") == TRAIN


def test_a_private_dataset_looks_like_none(hub: Hub, world: World) -> None:
    for repository in (REPOSITORY, "acme/nothing"):
        hub.repositories[REPOSITORY].private = True
        message = failure(world, repository=repository)
        assert message.startswith(
            f"source pages: {repository} at main: there is no such dataset, or"
        )
        assert "it is private" in message
        assert "HF_TOKEN is not set" in message
    hub.tokens = {TOKEN: set()}
    with world_of({"HF_ENDPOINT": hub.endpoint, "HF_TOKEN": TOKEN}) as opened:
        assert "the token in HF_TOKEN was sent" in failure(opened)


def test_a_token_that_is_none_is_told_apart(hub: Hub) -> None:
    with world_of({"HF_ENDPOINT": hub.endpoint, "HF_TOKEN": TOKEN}) as world:
        assert "the hub does not know the token in HF_TOKEN; renew it" in failure(world)
    with world_of({"HF_ENDPOINT": hub.endpoint, "HF_TOKEN": f"{TOKEN}\nX: y"}) as world:
        assert "HF_TOKEN: holds no token" in failure(world)


def test_a_revision_that_is_not_there(world: World) -> None:
    for revision in ("v9", "0" * 40):
        message = failure(world, revision=revision)
        assert f"{REPOSITORY} at {revision}: has no such commit, tag or branch" in message


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "7"},
        {"RateLimit": '"api";r=0;t=7', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'},
        {"RateLimit": '"pages";r=9;t=999, "api"; r=0; t=7'},
    ],
)
def test_a_busy_hub_is_waited_for_as_it_asks(hub: Hub, headers: dict[str, str]) -> None:
    fault = Fault(times=3, status=429, headers=headers)
    hub.faults[api(hub, "revision", "main")] = fault
    slept: list[float] = []
    with world_of({"HF_ENDPOINT": hub.endpoint}) as world:
        object.__setattr__(world, "sleep", slept.append)
        assert names(world) == TRAIN
    assert len(slept) == 3
    assert all(7 <= seconds < 60 for seconds in slept)


def test_a_hub_that_stays_busy_is_given_up(hub: Hub) -> None:
    hub.faults[api(hub, "revision", "main")] = Fault(status=429, headers={"Retry-After": "1"})
    with world_of({"HF_ENDPOINT": hub.endpoint}, max_retries=2) as world:
        message = failure(world)
    assert message.startswith("source pages: ")
    assert "429 Too Many Requests (tried 3 times" in message


def test_a_list_that_is_cut_is_asked_for_again(hub: Hub, world: World) -> None:
    commit = hub.repositories[REPOSITORY].branches["main"]
    hub.faults[api(hub, "tree", commit)] = Fault(times=1, cut_after=50)
    hub.faults[hub.file_path(REPOSITORY, commit, "README.md")] = Fault(times=1, status=500)
    assert names(world) == TRAIN


def test_no_network_is_said_plainly() -> None:
    with world_of({"HF_ENDPOINT": "http://127.0.0.1:9"}, max_retries=1) as world:
        message = failure(world)
    assert message.startswith("source pages: http://127.0.0.1:9/")
    assert "no connection to 127.0.0.1" in message
    assert "Check that this machine is online" in message


def test_who_is_offline_on_purpose_is_told_so(hub: Hub) -> None:
    with world_of({"HF_ENDPOINT": hub.endpoint, "HF_HUB_OFFLINE": "1"}) as world:
        assert "HF_HUB_OFFLINE forbids asking the hub" in failure(world)
    assert hub.requests == []


def test_a_scheme_that_is_not_allowed_is_refused(hub: Hub) -> None:
    with world_of({"HF_ENDPOINT": hub.endpoint}, schemes=("https",)) as world:
        assert "http is not among runtime.downloads.schemes" in failure(world)


def entry(**changes: Any) -> dict[str, Any]:
    return {"type": "file", "path": "a.jsonl", "size": 1, "oid": "0" * 40, **changes}


@pytest.mark.parametrize(
    "page",
    [
        "<html>Please log in</html>",
        '{"error": "x"}',
        "[" * 100_000,
        [7],
        [entry(path="../../etc/passwd")],
        [entry(path="/etc/passwd")],
        [entry(path="a//b")],
        [entry(path="a\nb")],
        [entry(path="\ud800")],
        [entry(size=None)],
        [entry(oid=7)],
        [entry(lfs={"oid": "short"})],
    ],
)
def test_what_is_no_hub_is_told_so(hub: Hub, world: World, page: Any) -> None:
    body = page if isinstance(page, str) else json.dumps(page)
    hub.answer = lambda request: Answer(200, body.encode())  # type: ignore[method-assign]
    message = failure(world, revision="0" * 40)
    assert f"/tree/{'0' * 40}?" in message
    assert "does not answer as a hub does; check HF_ENDPOINT" in message


@pytest.mark.parametrize("following", ["http://127.0.0.1:9/api/datasets/x", "/elsewhere", ""])
def test_pages_lead_nowhere_else_and_end(hub: Hub, world: World, following: str) -> None:
    def answer(request: Request) -> Answer:
        link = following or request.path
        return Answer(200, json.dumps([entry()]).encode(), {"Link": f'<{link}>; rel="next"'})

    hub.answer = answer  # type: ignore[method-assign]
    assert "does not answer as a hub does" in failure(world, revision="0" * 40)
    assert len(hub.requests) == 1


def test_a_card_that_is_no_yaml_is_refused(hub: Hub, world: World) -> None:
    hub.publish(REPOSITORY, {**FILES, "README.md": b"---\nconfigs: [\n---\n"})
    assert "README.md is not valid YAML" in failure(world)
    assert names(world, files=["*.parquet"]) == TRAIN[:1]


def test_a_second_card_goes_before_the_first(hub: Hub, world: World) -> None:
    more = b"configs: [{config_name: x, data_files: 'en/test.jsonl'}]"
    hub.publish(REPOSITORY, {**FILES, ".huggingface.yaml": more})
    assert names(world) == ["en/test.jsonl"]


@pytest.mark.parametrize(
    ("page", "header"),
    [
        ("---\na: 1\n---\n# T", "a: 1"),
        ("\ufeff---\r\na: 1\r\nb: 2\r\n---\r\n", "a: 1\nb: 2"),
        ("# T\n---\na: 1\n---", ""),
        ("---\na: 1", ""),
        ("", ""),
    ],
)
def test_the_header_of_a_card(page: str, header: str) -> None:
    assert card_header(page) == header
