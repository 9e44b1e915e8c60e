"""The page: everything in it, nothing hostile let through, nothing asked of any network."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import InputError
from pipeline.output import read_build_manifest, write_run_record
from pipeline.report.build_plots import fates
from pipeline.report.data import Outcome, length_bins, read_build_data, short_count
from pipeline.report.finetune_plots import mean_curves
from pipeline.report.flow_plot import flow_plot, losses_by_stage, stage_order
from pipeline.report.page import format_cell, write_report
from schemas.manifest import RunRecord
from tests.support.small_build import STAGE_TIMES, make_build, rewrite_rows
from tests.support.small_finetune import finetune_manifest, make_finetune

HOSTILE = "</script><script>alert('hostile')</script>"
RUN = RunRecord(
    started="2026-01-01T00:00:00+00:00",
    seconds=7.5,
    workers=2,
    runner="processes",
    python="3.11.7",
    stages=STAGE_TIMES,
)


@pytest.fixture
def build(tmp_path: Path) -> Path:
    output = make_build(tmp_path / "build")
    write_run_record(output, RUN)
    return output


def figures(page: str) -> dict[str, Any]:
    found = re.findall(r'<script type="application/json" data-plot="([^"]*)">(.*?)</script>', page)
    return {name: json.loads(text) for name, text in found}


def without_scripts(page: str) -> str:
    return re.sub(r"<script.*?</script>", "", page, flags=re.S)


def test_a_build_s_page_has_every_section_and_plot(build: Path) -> None:
    page = write_report(build, None).read_text()
    for section in ("flow", "sources", "mixture", "topics", "shape", "quality-bands", "dedup",
                    "licences", "quarantine", "classifiers", "time", "versions"):  # fmt: skip
        assert f'<section id="{section}"' in page, section
    assert set(figures(page)) == {
        "flow-plot", "source-plot", "mixture-plot", "length-plot", "quality-plot", "band-plot",
        "curve-plot", "calibration-plot", "time-plot",
    }  # fmt: skip
    assert "2 alarms" in page
    assert "quiz.jsonl" in page
    assert "No source had any; the others fill its share." in page


def test_classifiers_are_judged_across_sources_in_words_and_figures(build: Path) -> None:
    page = " ".join(without_scripts(write_report(build, None).read_text()).split())
    assert "95.8 % are right; of documents of sources it never saw, 70.0 % (67.5 %" in page
    assert "Not judged, for want of a second source to learn from: web (broken)." in page
    assert "no class has two sources, so unseen ones cannot be judged" in page
    assert "domain: what documents of unseen sources are taken for" in page
    cells = '<td class="text">code</td> <td class="count">20</td> <td class="share">75 %</td>'
    assert f'{cells} <td class="share">25 %</td> <td class="share">–</td>' in page
    assert "&lt;b&gt;laws" in page


def test_tokens_by_domain_and_topic(build: Path) -> None:
    page = " ".join(without_scripts(write_report(build, None).read_text()).split())
    section = page[page.index('<section id="topics"') :]
    assert '<th scope="col" class="count">law</th>' in section
    topics = read_build_data(build, read_build_manifest(build)).topics
    assert [(found.domain, found.topic) for found in topics] == [("code", None), ("legal", "law")]
    assert sum(found.num_tokens for found in topics) == read_build_manifest(build).num_tokens


def test_hostile_text_is_escaped_everywhere(build: Path) -> None:
    def poison(data: dict[str, Any]) -> None:
        data["name"] = data["description"] = HOSTILE
        data["sources"][0]["name"] = data["domains"][0]["name"] = HOSTILE
        data["sources"][0]["dropped_by_reason"] = {HOSTILE: 1}
        data["sources"][0]["licenses"] = {HOSTILE: 1}
        data["sources"][0]["alarms"] = [HOSTILE]
        data["domains"][0]["explanation"] = HOSTILE

    path = build / "manifest.json"
    data = json.loads(path.read_text())
    poison(data)
    path.write_text(json.dumps(data))
    for file in (build / "decisions").iterdir():
        rewrite_rows(file, lambda rows: rows[0].update(domain=HOSTILE, source=HOSTILE))
    page = write_report(build, None).read_text()
    assert page.count("<script>") == 2
    assert "<script>alert" not in page
    assert "&lt;/script&gt;&lt;script&gt;alert" in page
    names = figures(page)["source-plot"]["data"][0]["y"]
    assert names[0] == HOSTILE.replace("<", "&lt;").replace(">", "&gt;")


def test_the_page_asks_nothing_of_any_network(build: Path) -> None:
    page = without_scripts(write_report(build, None).read_text())
    assert not re.findall(r"(?:src|href)=\"(?!#|data:,)", page)
    assert "@import" not in page
    assert "url(" not in page
    assert "default-src &#39;none&#39;" in page


def test_the_page_can_be_read_without_its_plots(build: Path) -> None:
    page = write_report(build, None).read_text()
    html = without_scripts(page)
    assert html.count("<h1>") == 1
    assert '<html lang="en">' in html
    for plot in figures(page):
        assert re.search(rf'id="{plot}" role="img" aria-label="[^"]{{20,}}"', html), plot
    for section in re.findall(r'<section id="([^"]+)"(.*?)</section>', html, flags=re.S):
        assert "<table" in section[1], section[0]


def test_a_report_with_a_finetune_shows_both(build: Path, tmp_path: Path) -> None:
    page = write_report(build, make_finetune(tmp_path)).read_text()
    assert {"forgetting-plot", "loss-plot", "plane-plot", "training-plot", "flow-plot"} <= set(
        figures(page)
    )


def test_a_finetune_has_a_page_of_its_own(tmp_path: Path) -> None:
    output = make_finetune(tmp_path)
    path = write_report(output, None)
    assert path == output / "report.html"
    page = path.read_text()
    assert set(figures(page)) == {"forgetting-plot", "loss-plot", "plane-plot", "training-plot"}
    bars = figures(page)["forgetting-plot"]["data"]
    assert [bar["name"] for bar in bars] == ["replay 0", "replay 0.05", "replay 0.25"]
    assert "task" not in bars[0]["x"]
    assert bars[0]["error_y"]["array"][0] == pytest.approx(0.03)


def test_a_domain_of_few_held_out_documents_is_pointed_out(tmp_path: Path) -> None:
    page = write_report(make_finetune(tmp_path), None).read_text()
    assert re.findall(r"<li>(\w+): only (\d+) documents", page) == [("techdocs", "2")]


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    output = make_finetune(tmp_path)
    path = output / "manifest.json"
    data = json.loads(path.read_text())
    for row in data["forgetting"]:
        row.update(low=None, high=None)
    path.write_text(json.dumps(data))
    page = write_report(output, None).read_text()
    assert figures(page)["forgetting-plot"]["data"][0]["error_y"]["array"] == [None] * 5


def test_the_wrong_folder_is_an_error_of_input(build: Path, tmp_path: Path) -> None:
    output = make_finetune(tmp_path)
    with pytest.raises(InputError, match="fine-tune itself"):
        write_report(output, output)
    with pytest.raises(InputError, match="holds a build"):
        write_report(build, build)
    with pytest.raises(InputError, match=r"no manifest\.json"):
        write_report(tmp_path / "nowhere", None)


def test_writing_again_gives_the_same_page(build: Path) -> None:
    first = write_report(build, None).read_bytes()
    assert write_report(build, None).read_bytes() == first
    assert not list(build.glob(".*"))


def test_what_flows_in_flows_out(build: Path) -> None:
    manifest = read_build_manifest(build)
    data = read_build_data(build, manifest)
    figure, height = flow_plot(data.outcomes)
    (sankey,) = figure["data"]
    assert height > 240
    links = list(zip(*(sankey["link"][key] for key in ("source", "target", "value")), strict=True))
    num_read = sum(source.num_read for source in manifest.sources)
    assert sum(value for source, _, value in links if source == 0) == num_read
    assert len(figure["layout"]["annotations"]) == len(sankey["node"]["customdata"])
    for node in range(len(sankey["node"]["customdata"])):
        inflow = sum(value for _, target, value in links if target == node)
        outflow = sum(value for source, _, value in links if source == node)
        assert node == 0 or outflow in (0, inflow)


def test_aggregates_are_those_of_the_manifest(build: Path) -> None:
    manifest = read_build_manifest(build)
    data = read_build_data(build, manifest)
    documents = {domain.name: domain.num_documents for domain in manifest.domains}
    for found in (data.lengths, data.qualities):
        assert {d.domain: sum(d.counts.values()) for d in found} == {
            name: count for name, count in documents.items() if count
        }
    assert sum(refused.count for refused in data.refused) == 5
    assert all(len(refused.examples) <= 3 for refused in data.refused)
    for shares in zip(*fates(manifest.sources).values(), strict=True):
        assert sum(shares) == pytest.approx(1)
    assert min(length_bins(data.lengths)) >= 0


def test_rare_reasons_are_put_together() -> None:
    outcomes = [Outcome("s", "filter", "dropped", f"reason {i}", 10 - i) for i in range(9)]
    losses = losses_by_stage(outcomes)["filter"]
    assert [name for name, _, _ in losses] == [f"reason {i}" for i in range(5)] + [
        "4 other reasons"
    ]
    assert sum(count for _, _, count in losses) == sum(outcome.count for outcome in outcomes)


def test_an_unknown_stage_has_a_place() -> None:
    outcomes = [Outcome("s", stage, "dropped", "r", 1) for stage in ("novel", "dedup", "normalize")]
    assert stage_order(outcomes) == ["normalize", "dedup", "novel", "sample"]


def test_the_base_is_the_first_point_of_every_curve() -> None:
    curves = mean_curves(finetune_manifest().evaluations)
    for by_arm in curves.values():
        starts = {points[0] for points in by_arm.values()}
        assert len(starts) == 1
        assert next(iter(starts))[0] == 0
    assert "base" not in curves["code"]
    assert list(curves) == ["code", "legal", "web", "techdocs", "task"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"), (999, "999"), (1000, "1k"), (1949, "1.9k"), (12_345, "12k"), (3.46e6, "3.5M"),
        (9_960, "10k"), (999_400, "999k"), (999_600, "1M"), (7_999_988, "8M"), (2e13, "20T"),
    ],
)  # fmt: skip
def test_short_counts_are_the_nearest(number: float, text: str) -> None:
    assert short_count(number) == text


def test_cells_are_written_by_kind() -> None:
    cells = [(None, "count"), (1234, "count"), (0.1234, "percent"), (1.5, "number"), ("x", "code")]
    assert [format_cell(*cell) for cell in cells] == ["–", "1,234", "12.34 %", "1.500", "x"]
