"""What is wanted of bands: stated, published or measured, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.errors import ConfigError, InputError
from pipeline.quality.bands import quality_bands
from pipeline.quality.match import SCORED, matched_shares
from pipeline.quality.published import available, load_cut
from pipeline.quality.wanted import (
    Wanted,
    pareto_shares,
    resolve_wanted,
    wanted_shares,
    with_sample,
)
from schemas.quality import Quality

EXAMPLES = {"domains": ["web"]}
TARGET = ("web", "code")


def quality(**keys: Any) -> Quality:
    return Quality.model_validate({"positives": EXAMPLES, "negatives": EXAMPLES, **keys})


def candidates_of(scores: list[float], edges: list[float], domain: str = "web") -> pa.Table:
    size = len(scores)
    table = pa.table(
        {
            "id": [f"{row:06d}" for row in range(size)],
            "domain": [domain] * size,
            "quality": pa.array(scores, pa.float32()),
            "num_tokens": pa.array([10 + row % 7 for row in range(size)], pa.int64()),
        }
    )
    return table.append_column("quality_band", pa.array(quality_bands(table, edges)))


def sample_of(scores: list[float], tokens: list[int] | None = None) -> pa.Table:
    counts = tokens or [1] * len(scores)
    rows = zip(scores, counts, strict=True)
    return pa.Table.from_pylist(
        [{"domain": "web", "quality": s, "num_tokens": n} for s, n in rows], schema=SCORED
    )


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"bands": [0.5, 0.2]}, "edges of bands must ascend"),
        ({"bands": [0.2, 0.2]}, "edges of bands must ascend"),
        ({"bands": [0, 0.2]}, "greater than 0"),
        ({"bands": [0.5], "shares": [0.3, 0.3]}, "must sum to 1; these sum to 0.6"),
        ({"bands": [0.5], "shares": [1.0]}, "shares of default: 1 for 2 bands"),
        ({"bands": [0.5], "shares": {"wep": [0, 1]}}, "unknown domain 'wep'"),
        ({"bands": [0.5], "shares": {"web": [0.1, 0.2, 0.7]}}, "shares of web: 3 for 2 bands"),
        ({"shares": [0.0, 1.0]}, "shares needs bands"),
        ({"match": {"paths": ["a"]}}, "match needs bands"),
        ({"cut": "gpt-3", "bands": [0.5]}, "cut brings bands of its own"),
        ({"drop_lowest_fraction": 0.1, "bands": [0.5]}, "drop_lowest_fraction brings bands"),
        ({"cut": "gpt-3", "drop_lowest_fraction": 0.1}, "cut and drop_lowest_fraction each say"),
        (
            {"bands": [0.5], "shares": [0, 1], "match": {"paths": ["a"]}},
            "shares and match each say what to take",
        ),
    ],
)
def test_settings_that_contradict_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        quality(**keys)


def test_stated_shares_hold_by_domain() -> None:
    stated = quality(bands=[0.5], shares={"default": [0, 1], "code": [], "web": [0.5, 0.5]})
    wanted = resolve_wanted(stated, TARGET, Path())
    assert wanted.shares_of("books") == (0, 1)
    assert wanted.shares_of("web") == (0.5, 0.5)
    assert wanted.shares_of("code") is None
    assert resolve_wanted(quality(bands=[0.5]), TARGET, Path()).shares_of("web") is None
    assert resolve_wanted(None, TARGET, Path()) == Wanted()
    lowest = resolve_wanted(quality(drop_lowest_fraction=0.1), TARGET, Path())
    assert (lowest.edges, lowest.shares_of("web")) == ((0.1,), (0.0, 1.0))


def test_bands_alone_choose_nothing() -> None:
    assert not quality(bands=[0.5]).chooses
    assert quality(bands=[0.5], shares=[0.5, 0.5]).chooses
    assert quality(drop_lowest_fraction=0.1).chooses


@pytest.mark.parametrize("name", available())
def test_every_published_cut_is_whole(name: str) -> None:
    cut = load_cut(name)
    assert cut.name == name
    assert cut.url.startswith("https://")
    assert cut.domains == ("web",)
    wanted = resolve_wanted(quality(cut=name), TARGET, Path())
    assert wanted.edges == cut.bands
    scores = np.linspace(0, 1, 200).tolist()
    shares = wanted_shares(wanted, candidates_of(scores, list(cut.bands)))
    assert sum(shares["web"]) == pytest.approx(1)
    books = candidates_of(scores, list(cut.bands), domain="books")
    assert wanted_shares(wanted, books) == {}


def test_published_cuts_hold_the_published_figures() -> None:
    assert available() == ["dclm-baseline", "fineweb-edu", "fineweb-edu-score-2", "gpt-3"]
    kept = {name: 1 - load_cut(name).bands[0] for name in available()[:3]}
    assert kept == pytest.approx(
        {"dclm-baseline": 0.1, "fineweb-edu": 1.3 / 15, "fineweb-edu-score-2": 5.4 / 15}, abs=1e-4
    )
    assert load_cut("gpt-3").pareto == 9


def test_an_unknown_cut_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'gpt3'; did you mean 'gpt-3'\? known: dclm-baseline, "):
        resolve_wanted(quality(cut="gpt3"), TARGET, Path())
    with pytest.raises(ConfigError, match="no published cut"):
        load_cut("../mixtures/gpt-3")


def test_a_cut_or_sample_of_no_domain_of_the_mixture_is_refused(tmp_path: Path) -> None:
    message = r"quality\.cut: is of web, of which the mixture asks for nothing; it asks for books"
    with pytest.raises(ConfigError, match=message):
        resolve_wanted(quality(cut="gpt-3"), ["books"], Path())
    write_lines(tmp_path / "sample.jsonl", [{"text": "a", "domain": "news"}] * 100)
    with pytest.raises(ConfigError, match=r"quality\.match: is of news, of which"):
        resolve_wanted(quality(bands=[0.5], match={"paths": ["sample.jsonl"]}), TARGET, tmp_path)


def test_the_pareto_rule_gives_what_its_draws_keep() -> None:
    random = np.random.default_rng(0)
    documents = candidates_of(random.uniform(0, 1, 2000).tolist(), [0.25, 0.5, 0.75])
    scores, tokens = documents["quality"].to_numpy(), documents["num_tokens"].to_numpy()
    kept = random.pareto(9, (400, len(scores))) > 1 - scores
    weights = kept.mean(axis=0) * tokens
    drawn = np.bincount(documents["quality_band"].to_numpy(), weights=weights) / weights.sum()
    assert pareto_shares(documents, 9, 4) == pytest.approx(drawn, abs=0.01)


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=40),
    st.lists(st.sampled_from([0.1, 0.4, 0.8]), min_size=1, unique=True).map(sorted),
)
def test_a_sample_of_all_documents_has_the_shares_of_the_bands(
    tenths: list[int], edges: list[float]
) -> None:
    documents = candidates_of([tenth / 10 for tenth in tenths], edges)
    held = np.bincount(
        documents["quality_band"].to_numpy(), documents["num_tokens"].to_numpy(), len(edges) + 1
    )
    assert matched_shares(documents, documents, len(edges) + 1) == pytest.approx(held / held.sum())


def test_a_cut_of_the_documents_is_found_again() -> None:
    random = np.random.default_rng(1)
    documents = candidates_of(random.beta(2, 2, 5000).tolist(), [0.2, 0.5, 0.8])
    bands, tokens = documents["quality_band"].to_numpy(), documents["num_tokens"].to_numpy()
    asked = np.array([0.0, 0.1, 0.3, 0.6])
    weights = asked[bands] / np.bincount(bands, weights=tokens)[bands] * tokens
    chosen = random.choice(len(bands), 4000, p=weights / tokens / (weights / tokens).sum())
    found = matched_shares(documents, documents.take(pa.array(chosen)), 4)
    assert found == pytest.approx(asked, abs=0.02)
    assert found[0] < 1e-3


def test_scores_between_beyond_and_at_those_of_documents_have_their_place() -> None:
    documents = candidates_of([0.2, 0.4, 0.6, 0.8], [0.5])
    assert documents["quality_band"].to_pylist() == [0, 0, 1, 1]
    for score, shares in ((0.1, (1, 0)), (0.3, (1, 0)), (0.7, (0, 1)), (0.99, (0, 1))):
        assert matched_shares(documents, sample_of([score]), 2) == shares
    assert matched_shares(documents, sample_of([0.3, 0.7], [30, 10]), 2) == (0.75, 0.25)
    tied = candidates_of([1.0] * 100, [0.25])
    low, high = matched_shares(tied, sample_of([1.0]), 2)
    assert (low, high) == (pytest.approx(0.25, abs=0.01), pytest.approx(0.75, abs=0.01))


def write_lines(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def test_a_sample_is_read_scored_and_measured(tmp_path: Path) -> None:
    good, bad = "a good text, calm and long", "bad"
    web = [{"body": {"text": good if row % 4 else bad}, "domain": "web"} for row in range(20)]
    code = [{"body": {"text": good}} for _ in range(12)]
    write_lines(tmp_path / "sample.jsonl", [*web, *code])
    asked = quality(
        bands=[0.5],
        match={"paths": ["*.jsonl#body.text"], "domain": "code", "min_texts": 12},
    )
    wanted = resolve_wanted(asked, TARGET, tmp_path)
    assert wanted.num_texts == {"web": 20, "code": 12}

    def score(texts: pa.Array) -> np.ndarray[Any, np.dtype[np.float32]]:
        return np.array([0.9 if text == good else 0.1 for text in texts.to_pylist()], np.float32)

    scored = with_sample(wanted, tmp_path, score, "bytes/4")
    documents = candidates_of([row / 100 for row in range(100)], [0.5])
    shares = wanted_shares(scored, documents)
    assert shares == {"web": pytest.approx((5 * 1 / (5 * 1 + 15 * 7), 15 * 7 / (5 + 15 * 7)))}
    write_lines(tmp_path / "sample.jsonl", [*web, *code, *code])
    assert resolve_wanted(asked, TARGET, tmp_path).identity != wanted.identity


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([{"text": "a"}], r"a text states no domain; add a field `domain`, or quality\.match\.dom"),
        ([{"text": "a", "domain": "wiki"}], "unknown domain 'wiki'; known: web, "),
        ([{"text": "a", "domain": "web"}] * 3, r"3 texts of domain web, fewer than 100"),
        ([{"content": "a"}], "no record has a text in field 'text'"),
    ],
)
def test_sample_text_that_will_not_do_is_refused(
    tmp_path: Path, records: list[dict[str, Any]], message: str
) -> None:
    write_lines(tmp_path / "sample.jsonl", records)
    with pytest.raises(InputError, match=message):
        resolve_wanted(quality(bands=[0.5], match={"paths": ["sample.jsonl"]}), TARGET, tmp_path)
    with pytest.raises(ConfigError, match=r"quality\.match: 'absent' matches no file"):
        resolve_wanted(quality(bands=[0.5], match={"paths": ["absent"]}), TARGET, tmp_path)
