"""Units from installed distributions: what is listed, what is not, and when a digest changes."""

import sys
import sysconfig
from pathlib import Path

import pytest

from pipeline.acquire.local.environment import find_units
from pipeline.distribution import STDLIB
from pipeline.errors import ConfigError
from pipeline.shard import Unit
from schemas.source import EnvironmentSource


def source_of(**options: object) -> EnvironmentSource:
    given = {"name": "env", "kind": "environment", "exclude": [STDLIB], **options}
    return EnvironmentSource.model_validate(given)


def install(
    site: Path,
    name: str,
    files: dict[str, str],
    version: str = "1.0",
    record: list[str] | None = None,
) -> Path:
    """Lay out a distribution as an installer does; `record` lists more files than there are."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n\nAbout {name}.\n"
    (info / "METADATA").write_text(metadata)
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    listed = [*files, f"{info.name}/METADATA", f"{info.name}/RECORD", *(record or [])]
    (info / "RECORD").write_text("".join(f'"{path}",,\n' for path in listed))
    return info


def units(site: Path, **options: object) -> list[Unit]:
    return find_units(source_of(**options), [str(site)])


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    install(folder, "Some_Package", {"some/a.py": "a = 1\n", "some/README.md": "# Some\n"})
    install(folder, "other", {"other.py": "b = 2\n", "other/LICENSE": "MIT\n"}, version="2.1")
    return folder


def test_a_unit_for_each_distribution(site: Path) -> None:
    other, some = units(site)
    assert (other.name, some.name) == ("other", "some-package")
    assert (some.source, some.path) == ("env", site)
    assert some.members == (
        "about:Some_Package-1.0.dist-info/METADATA",
        "code:some/a.py",
        "documentation:some/README.md",
        "metadata:Some_Package-1.0.dist-info/METADATA",
    )
    num_metadata = len((site / "other-2.1.dist-info" / "METADATA").read_bytes())
    assert other.num_bytes == 2 * num_metadata + len("b = 2\nMIT\n")


def test_names_globs_and_parts(site: Path) -> None:
    assert [unit.name for unit in units(site, distributions=["some_*"])] == ["some-package"]
    assert [unit.name for unit in units(site, exclude=[STDLIB, "Other"])] == ["some-package"]
    (some,) = units(site, parts=["documentation"])
    assert some.members[1:] == ("documentation:some/README.md",)


def test_a_name_that_is_not_installed_is_an_error(site: Path) -> None:
    with pytest.raises(ConfigError, match="'sme-package' matches nothing"):
        units(site, distributions=["other", "sme-package"])


def test_the_project_itself_is_no_source(site: Path) -> None:
    install(site, "anchor_corpus", {"anchor.py": "x = 1\n"})
    assert [unit.name for unit in units(site)] == ["other", "some-package"]


@pytest.mark.parametrize(
    "path", ["../outside.py", "../../bin/tool.py", "some/../../outside.py", "link.py", "gone.py"]
)
def test_nothing_outside_the_folder_is_read(site: Path, path: str) -> None:
    secret = site.parent / "outside.py"
    secret.write_text("secret = 1\n")
    (site / "link.py").symlink_to(secret)
    install(site, "hostile", {"hostile.py": "x = 1\n"}, record=[path, str(secret)])
    (hostile,) = units(site, distributions=["hostile"], parts=["code"])
    assert hostile.members[1:] == ("code:hostile.py",)


def test_a_digest_tells_of_content_version_and_names_alone(site: Path, tmp_path: Path) -> None:
    before = {unit.name: unit.digest for unit in units(site)}
    moved = site.rename(tmp_path / "moved")
    assert {unit.name: unit.digest for unit in units(moved)} == before
    (moved / "other.py").write_text("b = 3\n")
    after = {unit.name: unit.digest for unit in units(moved)}
    assert after["some-package"] == before["some-package"]
    assert after["other"] != before["other"]


def test_files_are_chosen_by_their_paths_alone(tmp_path: Path) -> None:
    paths = [f"p/m{i}.py" for i in range(20)]
    install(tmp_path / "a", "p", dict.fromkeys(paths, "x = 1\n"))
    install(tmp_path / "b", "p", dict.fromkeys(reversed(paths), "y = 2\n"))
    (one,) = units(tmp_path / "a", max_files_per_distribution=5, parts=["code"])
    (two,) = units(tmp_path / "b", max_files_per_distribution=5, parts=["code"])
    assert one.members == two.members
    assert len(one.members) == 6


def test_a_distribution_without_a_list_of_files(site: Path) -> None:
    info = install(site, "Plain_One", {"Plain_One/a.py": "a = 1\n", "Plain_One/b/c.py": "c = 1\n"})
    (info / "RECORD").unlink()
    (info / "top_level.txt").write_text("Plain_One\n")
    (plain,) = units(site, distributions=["plain-one"], parts=["code"])
    assert plain.members == (
        "about:Plain_One-1.0.dist-info/METADATA",
        "code:Plain_One/a.py",
        "code:Plain_One/b/c.py",
    )


def test_a_top_level_name_cannot_lead_outside(site: Path) -> None:
    (site.parent / "outside").mkdir()
    (site.parent / "outside" / "x.py").write_text("secret = 1\n")
    info = install(site, "plain", {"plain.py": "a = 1\n"})
    (info / "RECORD").unlink()
    (info / "top_level.txt").write_text("plain\n../outside\n..\n.\n/etc\n")
    (plain,) = units(site, distributions=["plain"], parts=["code"])
    assert plain.members[1:] == ("code:plain.py",)


def test_what_is_left_of_a_distribution_is_none(site: Path) -> None:
    (site / "ghost-1.0.dist-info").mkdir()
    (site / "nameless-1.0.dist-info").mkdir()
    (site / "nameless-1.0.dist-info" / "METADATA").write_text("Summary: no name\n")
    install(site, "garbled", {"garbled.py": "x = 1\n"})
    (site / "garbled-1.0.dist-info" / "METADATA").write_bytes(b"Name: \xff\nVersion: 1\n")
    assert [unit.name for unit in units(site)] == ["other", "some-package"]


def test_the_first_of_two_versions_on_the_path_counts(site: Path, tmp_path: Path) -> None:
    install(tmp_path / "later", "other", {"other.py": "later = 1\n"}, version="9.9")
    found = find_units(source_of(distributions=["other"]), [str(site), str(tmp_path / "later")])
    assert [unit.path for unit in found] == [site]


def test_the_standard_library() -> None:
    (unit,) = find_units(source_of(distributions=[STDLIB], exclude=[]), [])
    assert unit.path == Path(sysconfig.get_path("stdlib")).resolve()
    assert "code:json/decoder.py" in unit.members
    folders = {folder for member in unit.members for folder in member.split("/")[:-1]}
    assert folders.isdisjoint({"code:test", "test", "tests", "code:site-packages"})
    assert 5e6 < unit.num_bytes < 5e7


def test_this_very_environment() -> None:
    first = find_units(source_of(parts=["metadata"]))
    assert first == find_units(source_of(parts=["metadata"]), list(sys.path))
    names = [unit.name for unit in first]
    assert names == sorted(names)
    assert "pyarrow" in names
    assert "anchor-corpus" not in names
