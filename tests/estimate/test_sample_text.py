"""Sample text comes from folders, recipes and builds; what cannot be read is counted and said."""

import json
from pathlib import Path

import pytest

from pipeline.acquire.local import environment, files
from pipeline.catalog import load_recipe
from pipeline.errors import ConfigError, InputError
from pipeline.estimate.sample_text import By, is_build, read_build, read_folder, read_recipe
from pipeline.shard import Unit
from schemas.source import PathsSource, Source
from tests.support.building import run, write_recipe

TEXT = "A sentence of the sample, which is long enough. " * 3_000
LIMIT = 10**9


def units_of(folder: Path):  # noqa: ANN201
    def units(source: Source) -> list[Unit]:
        if isinstance(source, PathsSource):
            return files.find_units(source, folder)
        return environment.find_units(source)

    return units


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    folder = tmp_path / "samples"
    (folder / "books" / "deeper").mkdir(parents=True)
    (folder / "books" / "deeper" / "one.txt").write_text(TEXT)
    (folder / "french.jsonl").write_text(json.dumps({"text": TEXT}) + "\nno json\n")
    (folder / ".hidden").write_text("not a category")
    return folder


def test_a_folder_has_a_category_for_each_file_and_folder(samples: Path) -> None:
    books, french = read_folder(samples, LIMIT)
    assert (books.name, books.domain) == ("books", "books")
    assert (french.name, french.domain) == ("french", None)
    assert "".join(books.portions) == TEXT.strip()
    assert dict(french.refused) == {"malformed_json": 1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "french.jsonl").unlink(), "1 category; shares need at least 2"),
        (lambda folder: (folder / "law.txt").write_text("short"), "5 bytes of text of law"),
        (lambda folder: (folder / "x.bin").write_bytes(b"\x00"), "refused: unknown_format 1"),
    ],
)
def test_what_cannot_be_used_is_said(samples: Path, change, message: str) -> None:  # noqa: ANN001
    change(samples)
    with pytest.raises(InputError, match=message):
        read_folder(samples, LIMIT)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such folder"):
        read_folder(tmp_path / "nowhere", LIMIT)


@pytest.fixture
def recipe_file(samples: Path) -> Path:
    path = samples.parent / "recipe.yaml"
    path.write_text(
        """
name: sample
sources:
  - {kind: files, name: novels, paths: samples/books, domain: books, license: CC0-1.0}
  - {kind: files, name: others, paths: samples/french.jsonl, license: CC0-1.0}
mixture: {books: 1}
sample: {tokens: 1000}
"""
    )
    return path


def test_a_recipe_has_a_category_for_each_source(recipe_file: Path) -> None:
    found = read_recipe(load_recipe(recipe_file), units_of(recipe_file.parent), "source", LIMIT)
    assert [(each.name, each.domain) for each in found] == [("novels", "books"), ("others", None)]


@pytest.mark.parametrize("by", ["domain", "language"])
def test_what_a_recipe_does_not_know_is_said(recipe_file: Path, by: By) -> None:
    with pytest.raises(ConfigError, match=f"its {by} is not known before a build"):
        read_recipe(load_recipe(recipe_file), units_of(recipe_file.parent), by, LIMIT)


def test_a_build_has_a_category_for_each_domain(tmp_path: Path) -> None:
    run(write_recipe(tmp_path), tmp_path / "out", tmp_path / "store")
    assert is_build(tmp_path / "out")
    code, web = sorted(read_build(tmp_path / "out", "domain", LIMIT), key=lambda each: each.name)
    assert [(each.name, each.domain) for each in (code, web)] == [("code", "code"), ("web", "web")]
    assert code.num_bytes_read > web.num_bytes_read
    with pytest.raises(InputError, match="1 category; shares need at least 2"):
        read_build(tmp_path / "out", "language", LIMIT)
