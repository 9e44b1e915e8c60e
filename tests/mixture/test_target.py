"""The target of a build: ordered shares that sum to 1, with their evidence."""

from pathlib import Path

import pytest
import yaml

from pipeline.mixture.published import available, load_mixture
from pipeline.mixture.target import UNCERTAINTY, mixture_document, resolve_target
from schemas.domain import DOMAINS
from schemas.manifest import DomainCounts
from schemas.mixture import Mixture

COUNTS = DomainCounts(
    name="web",
    target=0.82,
    feasible=0.9,
    achieved=0.89,
    num_available=10,
    num_tokens=10,
    num_documents=1,
    num_repeated_tokens=0,
    num_held_out=0,
)


TARGETS = [name for name in available() if not load_mixture(name, Path()).is_of_topics]


@pytest.mark.parametrize("name", TARGETS)
def test_shares_sum_to_one_in_the_order_of_domains(name: str) -> None:
    proportions = resolve_target(name, Path()).proportions
    assert sum(proportions.values()) == pytest.approx(1)
    assert list(proportions) == [domain for domain in DOMAINS if domain in proportions]
    assert min(proportions.values()) > 0


def test_rows_of_one_domain_are_added_up() -> None:
    proportions = resolve_target("llama-1", Path()).proportions
    assert proportions["web"] == pytest.approx(0.82)
    assert proportions["forum"] == pytest.approx(0.02)


def test_weights_of_a_recipe_are_normalised_and_zeros_left_out() -> None:
    target = resolve_target({"code": 1, "web": 3, "books": 0}, Path())
    assert target.proportions == {"web": 0.75, "code": 0.25}
    assert target.mixture.mark == "given"
    assert target.uncertainty == UNCERTAINTY["given"]


def test_uncertainty_follows_mark_and_unit() -> None:
    assert "transcriptions" in resolve_target("llama-1", Path()).uncertainty
    assert "memory" in resolve_target("smollm2-stage1", Path()).uncertainty
    pile = resolve_target("pile", Path()).uncertainty
    assert pile.startswith("Read in the primary source.")
    assert "shares are of bytes" in pile


@pytest.mark.parametrize("mixture", ["pile", {"web": 2, "legal": 1}])
def test_a_builds_mixture_file_is_a_mixture_that_another_recipe_can_name(
    mixture: str | dict[str, float], tmp_path: Path
) -> None:
    target = resolve_target(mixture, Path())
    content = mixture_document(target, [COUNTS])
    assert content["built"] == [
        {"domain": "web", "target": 0.82, "feasible": 0.9, "achieved": 0.89}
    ]
    assert content["uncertainty"] == target.uncertainty
    (tmp_path / "mixture.yaml").write_text(yaml.safe_dump(content))
    again = resolve_target("mixture.yaml", tmp_path)
    assert again.proportions == target.proportions
    assert again.uncertainty == target.uncertainty
    assert Mixture.model_validate(content) == load_mixture("mixture.yaml", tmp_path)
