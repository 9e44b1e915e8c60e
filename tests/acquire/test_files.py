"""What `find_units` must find, name and refuse."""

import os
from pathlib import Path

import pytest

from pipeline.acquire.local.files import find_units
from pipeline.errors import ConfigError
from pipeline.fingerprint import file_sha256
from schemas.source import FilesSource


def source(*paths: str) -> FilesSource:
    return FilesSource(kind="files", name="some", paths=paths, license="MIT")


def names(base: Path, *paths: str) -> list[str]:
    return [unit.name for unit in find_units(source(*paths), base)]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a/one.txt", "a/two.md", "a/deep/er/three.txt", "b/one.txt", "b/.hidden.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text of {name}")
    (tmp_path / "b" / "empty.txt").touch()
    return tmp_path


def test_a_unit_states_name_path_digest_and_size(tree: Path) -> None:
    (unit,) = find_units(source("a/one.txt"), tree)
    assert (unit.source, unit.name, unit.path) == ("some", "one.txt", tree / "a" / "one.txt")
    assert unit.digest == file_sha256(unit.path)
    assert unit.num_bytes == len("text of a/one.txt")


def test_names_are_relative_to_the_folder_before_the_first_wildcard(tree: Path) -> None:
    assert names(tree, "a/**/*.txt") == ["deep/er/three.txt", "one.txt"]
    assert names(tree, "*/one.txt") == ["a/one.txt", "b/one.txt"]


def test_a_folder_stands_for_all_files_below_it(tree: Path) -> None:
    assert names(tree, "a") == ["deep/er/three.txt", "one.txt", "two.md"]
    assert names(tree, "a/d*") == ["deep/er/three.txt"]


def test_hidden_files_are_taken_only_by_name(tree: Path) -> None:
    assert names(tree, "b") == ["empty.txt", "one.txt"]
    assert names(tree, "b/.hidden.txt") == [".hidden.txt"]


@pytest.mark.parametrize("pattern", ["b", "b/*", "**/*.txt"])
def test_only_files_are_taken(tree: Path, pattern: str) -> None:
    before = names(tree, pattern)
    os.mkfifo(tree / "b" / "pipe.txt")  # to read it would wait for ever
    (tree / "b" / "gone.txt").symlink_to(tree / "nowhere.txt")
    assert names(tree, pattern) == before


def test_a_file_named_twice_is_one_unit(tree: Path) -> None:
    assert names(tree, "a/*.txt", "a/one.txt", "a/../a/one.txt") == ["one.txt"]


def test_equal_names_are_told_apart_by_their_folders(tree: Path) -> None:
    assert names(tree, "a/*.txt", "b/*.txt") == ["a/one.txt", "b/one.txt", "empty.txt"]


def test_names_depend_neither_on_the_order_of_paths_nor_on_the_place(tree: Path) -> None:
    there = names(tree, "b/*.txt", "a/**/*.txt", "a/deep")
    assert there == names(tree, "a/deep", "a/**/*.txt", "b/*.txt")
    moved = tree.rename(tree.with_name("elsewhere[1]"))
    assert there == names(moved, str(moved / "b/one.txt"), "b/*.txt", "a/**/*.txt", "a/deep")


def test_a_name_with_wildcard_characters_is_taken_literally_where_it_exists(tree: Path) -> None:
    (tree / "a[1].txt").touch()
    assert names(tree, "a[1].txt") == ["a[1].txt"]


def test_a_path_that_matches_nothing_names_source_and_pattern(tree: Path) -> None:
    with pytest.raises(ConfigError, match=r"source some: paths: 'a/\*.csv' matches no file"):
        find_units(source("a/*.txt", "a/*.csv"), tree)


def test_a_name_that_is_not_unicode_is_refused(tree: Path) -> None:
    (tree / "a" / "bad\udcff.txt").touch()
    with pytest.raises(ConfigError, match="not Unicode"):
        find_units(source("a/*.txt"), tree)
