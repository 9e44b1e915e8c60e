"""A build that resamples towards a text: what it measures, refuses and says."""

import json
import sysconfig
from pathlib import Path

import pytest

from pipeline.audit.verify import verify
from pipeline.build import build_fingerprint
from pipeline.config import load_config
from pipeline.dedup.index.earlier import NOTHING_EARLIER
from pipeline.errors import ConfigError, InputError
from pipeline.mapping import thread_mapper
from pipeline.mixture.target import resolve_target
from pipeline.plan import make_plan
from pipeline.quality.wanted import Wanted
from pipeline.report.page import write_report
from pipeline.resample.towards import resolve_towards
from pipeline.resample.weights import BOUNDS
from schemas.manifest import Manifest
from schemas.recipe import Recipe
from tests.support.building import content, run, write_recipe

TOWARDS = ("sample.towards={paths: [tests.jsonl], domain: code, min_texts: 20}", "quality=null")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe, the text to resample towards, a build in out/ and its store."""
    folder = tmp_path_factory.mktemp("resampled")
    recipe = write_recipe(folder)
    write_texts(folder / "tests.jsonl", "code")
    run(recipe, folder / "out", folder / "store", overrides=TOWARDS)
    return folder


def write_texts(path: Path, domain: str) -> None:
    modules = sorted(Path(sysconfig.get_path("stdlib")).glob("[i-z]*.py"))
    rows = [{"text": module.read_text(), "domain": domain} for module in modules]
    path.write_text("\n".join(map(json.dumps, rows)))


@pytest.fixture(scope="module")
def manifest(made: Path) -> Manifest:
    return Manifest.model_validate_json((made / "out" / "manifest.json").read_text())


def test_the_manifest_says_what_was_resampled_and_how_near_it_came(
    made: Path, manifest: Manifest
) -> None:
    assert verify(made / "out").ok
    assert manifest.resampling["towards"] == ["tests.jsonl"]
    (figures,) = manifest.resampling["domains"].values()
    assert list(manifest.resampling["domains"]) == ["code"]
    assert figures["num_texts"] == len((made / "tests.jsonl").read_text().splitlines())
    assert figures["max_ngrams"] in BOUNDS
    distances = [
        figures[f"divergence_of_{name}"] for name in ("candidates", "plain_draw", "sample")
    ]
    assert all(0 < distance < 2 for distance in distances)


def test_the_report_shows_how_near_it_came(made: Path, manifest: Manifest) -> None:
    page = write_report(made / "out", None).read_text()
    assert '<section id="resampling"' in page
    assert f"{manifest.resampling['domains']['code']['num_texts']}" in page


def test_any_workers_give_the_same_bytes(made: Path, tmp_path: Path) -> None:
    mapper = thread_mapper(2)
    try:
        run(made / "recipe.yaml", tmp_path / "out", tmp_path / "store", mapper, TOWARDS)
    finally:
        mapper.close()
    expected = {name: data for name, data in content(made / "out").items() if name != "report.html"}
    assert content(tmp_path / "out") == expected


def test_a_second_build_reads_no_text_again(made: Path, tmp_path: Path) -> None:
    _, stages = run(made / "recipe.yaml", tmp_path / "out", made / "store", overrides=TOWARDS)
    for name in ("count n-grams", "weigh n-grams", "try n-gram bounds", "compare n-grams"):
        assert stages[name].num_reused == stages[name].num_items > 0


def test_a_bound_may_be_given(made: Path, tmp_path: Path) -> None:
    bound = (*TOWARDS, "sample.towards.max_ngrams=50")
    manifest, _ = run(made / "recipe.yaml", tmp_path / "out", made / "store", overrides=bound)
    assert manifest.resampling["domains"]["code"]["max_ngrams"] == 50


def test_other_text_is_another_build(made: Path, tmp_path: Path) -> None:
    recipe = load_config(made / "recipe.yaml", Recipe, TOWARDS)
    target = resolve_target(recipe.mixture, made)

    def identity(folder: Path) -> str:
        wished = resolve_towards(recipe.sample.towards, target.proportions, folder)
        return build_fingerprint([], recipe, target, NOTHING_EARLIER, Wanted(), wished)

    (tmp_path / "tests.jsonl").write_text((made / "tests.jsonl").read_text() + "\n")
    assert identity(tmp_path) != identity(made)


def test_text_of_no_domain_of_the_target_is_refused(made: Path) -> None:
    write_texts(made / "laws.jsonl", "legal")
    recipe = load_config(
        made / "recipe.yaml",
        Recipe,
        ("sample.towards={paths: [laws.jsonl], min_texts: 9}", "quality=null"),
    )
    with pytest.raises(ConfigError, match=r"sample\.towards: is of legal, of which the mixture"):
        make_plan(recipe, made)


def test_too_little_text_is_refused(made: Path) -> None:
    recipe = load_config(
        made / "recipe.yaml", Recipe, (*TOWARDS, "sample.towards.min_texts=100000")
    )
    with pytest.raises(InputError, match=r"texts of domain code, fewer than 100,000; add texts"):
        make_plan(recipe, made)
