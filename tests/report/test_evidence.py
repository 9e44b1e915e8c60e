"""The section on evidence shows every share with its interval, and only where there is evidence."""

import json

import pytest

from pipeline.output import read_build_manifest
from pipeline.report.evidence_section import evidence_section
from schemas.mixture import Component, Evidence, EvidenceShare, Mixture
from tests.support.small_build import make_build

TOKENIZER = Evidence(
    name="tokenizer",
    title="By its merges",
    source="a file",
    mark="estimated",
    unit="bytes",
    shares=(
        EvidenceShare(domain="web", proportion=0.7, low=0.6, high=0.8),
        EvidenceShare(domain="code", proportion=0.3),
    ),
)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory):  # noqa: ANN201
    return read_build_manifest(make_build(tmp_path_factory.mktemp("build")))


def mixture(*components: Component, **more) -> dict:  # noqa: ANN003
    given = {"title": "Estimated", "source": "samples", "mark": "estimated", **more}
    return Mixture(name="mine", components=components, **given).model_dump(mode="json")


def test_shares_and_intervals_of_all_evidence_are_shown(manifest) -> None:  # noqa: ANN001
    first = Component(name="pages", domain="web", proportion=1.0, low=0.8, high=1.2)
    second = Component(name="news sites", domain="web", proportion=1.0, low=0.9, high=1.1)
    third = Component(name="code", domain="code", proportion=2.0, low=1.8, high=2.2)
    content = mixture(first, second, third, evidence=(TOKENIZER,), warnings=("a doubt",))
    section = evidence_section(manifest, content)
    assert section is not None
    assert section.notes == ("a doubt",)
    (table,) = section.tables
    by_domain = {row[0]: row[1:] for row in table.rows}
    assert by_domain["web"][:4] == pytest.approx((0.5, 0.425, 0.575, 0.7))
    assert by_domain["code"][:4] == pytest.approx((0.5, 0.45, 0.55, 0.3))
    drawn = json.dumps(section.plots[0].figure)
    assert all(name in drawn for name in ("target", "tokenizer", "achieved", "arrayminus"))


def test_a_published_table_needs_no_section(manifest) -> None:  # noqa: ANN001
    plain = Component(name="web", domain="web", proportion=1.0)
    assert evidence_section(manifest, mixture(plain, mark="primary")) is None
