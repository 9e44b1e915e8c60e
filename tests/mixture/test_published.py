"""The published mixtures: every file parses, says where it comes from, and adds up."""

from pathlib import Path

import pytest

from pipeline.errors import ConfigError, OutputError
from pipeline.mixture.published import available, load_mixture, write_mixture
from pipeline.mixture.target import resolve_target
from schemas.taxonomy import folded, taxonomy
from schemas.topic import TOPICS
from tests.mixture.published_tables import TABLES

# What each table sums to as published: per cents with their rounding, or billions of tokens.
SUMS = {
    "llama-1": 100.0,
    "gpt-3": 101.0,
    "pile": 100.0,
    "redpajama-1t": 1210.0,
    "slimpajama-627b": 100.0,
    "olmo-1": 100.0,
    "olmo-0424": 1819.48,
    "olmo-2": 3890.06,
    "olmo-3": 100.05,
    "olmo-3-paper": 100.02,
    "smollm-135m": 100.0,
    "smollm2-stage1": 100.0,
    "smollm2-stage2": 100.0,
    "smollm2-stage4": 100.0,
    "smollm3-stage1": 100.0,
    "smollm3-stage2": 100.0,
    "smollm3-stage3": 99.9,
    "nemotron-4": 100.0,
    "llama-3": 100.0,
    "codellama": 100.0,
    "tinyllama": 100.0,
    "topics-common-crawl": 100.02,
    "topics-dolma-3": 99.99,
}


LANGUAGES = {"English": "en", "Wikipedia (en)": "en", "multilingual": "mul", "EuroParl": "mul"}

# The rows whose domain does not follow from what they are.
JUDGED = {
    "gpt-3": {"WebText2", "Books1", "Books2"},
    "pile": {"OpenWebText2", "USPTO", "EuroParl", "YouTubeSubtitles", "NIH ExPorter", "Enron"},
    "olmo-0424": {"Reddit", "OpenWebMath", "AlgebraicStack", "MegaWika"},
    "olmo-2": {"OpenWebMath", "AlgebraicStack"},
    "olmo-3": {"olmOCR PDFs", "FineMath"},
    "olmo-3-paper": {"olmOCR PDFs", "FineMath"},
    "smollm-135m": {"OpenWebMath"},
    "smollm3-stage1": {"other"},
    "smollm3-stage2": {"other"},
    "smollm3-stage3": {"other"},
    "llama-3": {"general knowledge", "maths and reasoning"},
    "codellama": {"natural language about code", "natural language"},
}


@pytest.mark.parametrize("name", sorted(SUMS))
def test_the_published_table_can_be_restored(name: str) -> None:
    assert load_mixture(name, Path()).published_table() == TABLES[name]


@pytest.mark.parametrize("name", sorted(SUMS))
def test_every_row_is_mapped_and_judgements_say_why(name: str) -> None:
    mixture = load_mixture(name, Path())
    for row in mixture.components:
        assert (row.domain is None) == mixture.is_of_topics
        assert (row.topic is None) != mixture.is_of_topics
    judged = {row.name for row in mixture.components if row.note.startswith("A judgement")}
    assert judged == JUDGED.get(name, set())


@pytest.mark.parametrize("name", sorted(SUMS))
def test_rows_that_are_languages_say_which(name: str) -> None:
    for row in load_mixture(name, Path()).components:
        if row.name in LANGUAGES:
            assert row.language == LANGUAGES[row.name]
        assert row.note.startswith("A language") == (row.name in ("English", "multilingual"))


@pytest.mark.parametrize("name", ["topics-common-crawl", "topics-dolma-3"])
def test_a_table_of_topics_has_each_and_is_no_target(name: str) -> None:
    rows = load_mixture(name, Path()).components
    assert sorted(row.topic or "" for row in rows) == sorted(TOPICS)
    with pytest.raises(ConfigError, match=f"{name}: is of topics; a target is of domains"):
        resolve_target(name, Path())


def test_topics_bear_the_names_that_weborganizer_has_for_them() -> None:
    for row in load_mixture("topics-dolma-3", Path()).components:
        words = {word[:5] for word in folded(row.name).split()}
        known = taxonomy("topic").classes
        labels = next(each for each in known if each.name == row.topic).weborganizer
        assert words & {word[:5] for label in labels for word in folded(label).split()}


def test_there_is_one_file_for_each_published_table() -> None:
    assert available() == sorted(SUMS)


@pytest.mark.parametrize("name", sorted(SUMS))
def test_each_file_is_named_after_its_mixture_and_adds_up(name: str) -> None:
    mixture = load_mixture(name, Path())
    assert mixture.name == name
    assert sum(c.proportion for c in mixture.components) == pytest.approx(SUMS[name], abs=1e-6)
    names = [component.name for component in mixture.components]
    assert len(set(names)) == len(names)
    assert mixture.uncertainty == ""
    assert mixture.built == ()


@pytest.mark.parametrize(
    ("name", "mark", "unit"),
    [
        ("llama-1", "secondary", "tokens"),
        ("pile", "primary", "bytes"),
        ("redpajama-1t", "primary", "tokens"),
        ("olmo-1", "secondary", "tokens"),
        ("smollm2-stage1", "memory", "tokens"),
        ("smollm3-stage1", "primary", "tokens"),
        ("tinyllama", "derived", "tokens"),
    ],
)
def test_marks_say_how_the_figures_reached_us(name: str, mark: str, unit: str) -> None:
    mixture = load_mixture(name, Path())
    assert (mixture.mark, mixture.unit) == (mark, unit)


@pytest.mark.parametrize(
    ("name", "row", "proportion", "epochs", "domain"),
    [
        ("llama-1", "CommonCrawl", 67.0, 1.10, "web"),
        ("llama-1", "Wikipedia", 4.5, 2.45, "encyclopedic"),
        ("gpt-3", "WebText2", 22, 2.9, "web"),
        ("pile", "PubMed Central", 14.40, 2, "papers"),
        ("pile", "Enron", 0.14, 2, "dialogue"),
        ("pile", "USPTO", 3.65, 2, "legal"),
        ("olmo-0424", "Flan", 16.5, None, "instruction"),
        ("olmo-0424", "Wikipedia", 7.38, 2, "encyclopedic"),
        ("smollm-135m", "Cosmopedia-v2", 15, None, "synthetic"),
    ],
)
def test_rows_hold_the_published_figures(
    name: str, row: str, proportion: float, epochs: float | None, domain: str
) -> None:
    component = next(c for c in load_mixture(name, Path()).components if c.name == row)
    assert (component.proportion, component.epochs, component.domain) == (
        proportion,
        epochs,
        domain,
    )


@pytest.mark.parametrize(
    ("name", "percents"),
    [
        ("redpajama-1t", [72.56, 14.46, 4.88, 2.31, 2.15, 1.98, 1.65]),
        ("olmo-2", [95.1, 2.1, 1.5, 0.5, 0.3, 0.3, 0.1]),
    ],
)
def test_token_counts_give_the_per_cents_stated_beside_them(
    name: str, percents: list[float]
) -> None:
    components = load_mixture(name, Path()).components
    total = sum(component.proportion for component in components)
    shares = [100 * component.proportion / total for component in components]
    assert shares == pytest.approx(percents, abs=0.051)


def test_dolma_1_7_groups_as_published() -> None:
    shares = load_mixture("olmo-0424", Path()).proportions()
    assert 100 * shares["web"] == pytest.approx(71.3, abs=0.05)
    assert 100 * shares["code"] == pytest.approx(14.5, abs=0.05)


def test_tinyllama_splits_slimpajama_by_its_card_without_code() -> None:
    card = {c.name: c.proportion for c in load_mixture("slimpajama-627b", Path()).components}
    whole = sum(share for name, share in card.items() if name != "GitHub")
    rows = {c.name: c.proportion for c in load_mixture("tinyllama", Path()).components}
    split = {name.partition(": ")[2]: share for name, share in rows.items() if ": " in name}
    assert sum(split.values()) == pytest.approx(69.36)
    for name, share in split.items():
        assert share == pytest.approx(69.36 * card[name] / whole, abs=0.01)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'lama-1'; did you mean 'llama-1'\? known: codellama, "):
        load_mixture("lama-1", Path())


@pytest.mark.parametrize("name", ["../recipes/demo", "/etc/passwd", ""])
def test_a_name_is_never_used_as_a_path(name: str) -> None:
    with pytest.raises(ConfigError, match="no published mixture"):
        load_mixture(name, Path())


def test_a_path_is_relative_to_the_recipe(tmp_path: Path) -> None:
    mixture = load_mixture("slimpajama-627b", Path())
    write_mixture(mixture, tmp_path / "mine.yaml")
    assert load_mixture("mine.yaml", tmp_path) == mixture
    with pytest.raises(ConfigError, match=r"other\.yaml: no such file"):
        load_mixture("other.yaml", tmp_path)


def test_a_mixture_without_weight_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text(
        "name: empty\ntitle: t\nsource: s\nmark: given\n"
        "components: [{name: a, proportion: 0, domain: web}]\n"
    )
    with pytest.raises(ConfigError, match="at least one proportion must be above zero"):
        load_mixture("empty.yaml", tmp_path)


def test_an_unwritable_path_is_an_error_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_mixture(load_mixture("llama-3", Path()), tmp_path / "missing" / "out.yaml")
