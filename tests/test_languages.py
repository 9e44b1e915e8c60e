"""A build to shares of languages: both axes are met, and counted again."""

import json
from pathlib import Path

import pytest
import yaml

from pipeline.audit.verify import verify
from schemas.manifest import Manifest
from tests.support.building import run

LANGUAGES = {"de": 0.5, "it": 0.2, "sl": 0.3}


@pytest.fixture(scope="module")
def made(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """A build of novels and laws in the shares asked for."""
    folder = tmp_path_factory.mktemp("languages")
    source = {"kind": "files", "license": "CC0-1.0"}
    recipe = {
        "name": "languages",
        "sources": [
            {**source, "name": "novels", "domain": "books", "paths": [str(corpora / NOVELS)]},
            {**source, "name": "laws", "domain": "legal", "paths": [str(corpora / LAWS)]},
        ],
        "mixture": {"books": 0.8, "legal": 0.2},
        "sample": {"tokens": 500_000, "languages": LANGUAGES},
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    manifest, _ = run(path, folder / "out", folder / "store")
    return folder, manifest


NOVELS = "multilingual/eltec_novels.jsonl.zst"
LAWS = "legal/german_laws.jsonl.zst"


def test_domains_and_languages_are_met(made: tuple[Path, Manifest]) -> None:
    _, manifest = made
    assert manifest.total_variation < 0.005
    assert {each.name: each.target for each in manifest.languages} == LANGUAGES
    assert sum(abs(each.achieved - each.target) for each in manifest.languages) / 2 < 0.005
    assert sum(each.num_tokens for each in manifest.languages) == manifest.num_tokens


def test_what_is_in_no_language_asked_for_is_accounted_for(made: tuple[Path, Manifest]) -> None:
    folder, manifest = made
    assert verify(folder / "out").ok
    novels = manifest.sources[0]
    assert novels.num_not_sampled > 0


def test_wrong_figures_are_found_out(made: tuple[Path, Manifest], tmp_path: Path) -> None:
    folder, _ = made
    path = folder / "out" / "manifest.json"
    before = path.read_text()
    changed = json.loads(before)
    changed["languages"][0]["num_tokens"] += 1
    changed["languages"][1]["name"] = "fr"
    path.write_text(json.dumps(changed))
    try:
        (failed,) = [check for check in verify(folder / "out").checks if not check.ok]
    finally:
        path.write_text(before)
    assert failed.name == "languages match the manifest"
    assert "language it is in the shards, and not in the manifest" in failed.message
