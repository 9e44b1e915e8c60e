"""Hidden shares of a model's texts are found; what is no text is set aside and said."""

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from pipeline.errors import InputError
from pipeline.estimate.category import Category
from pipeline.estimate.model.mixture import Estimated, estimate_model, mixture_of
from pipeline.estimate.model.windows import cut_windows, degenerate, sort_samples

LETTERS = {"books": "aeiounrst", "code": "_()=.xyzaei", "legal": "aeiolmnpst"}
SHARES = {"books": 0.6, "code": 0.1, "legal": 0.3}
SIZE = 40


def words_of(kind: str, count: int, seed: int) -> str:
    own = random.Random(kind)
    known = ["".join(own.choices(LETTERS[kind], k=own.randint(2, 6))) for _ in range(400)]
    return " ".join(random.Random(seed).choices(known, k=count))


@pytest.fixture(scope="module")
def categories() -> list[Category]:
    made = []
    for kind in LETTERS:
        category = Category(kind, 10**9, kind)
        for seed in range(40):
            category.add(words_of(kind, 1_000, seed))
        made.append(category)
    return made


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    texts = [words_of(kind, 5_000, 99) for kind in LETTERS]
    made.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=400, show_progress=False))
    return made


def write_samples(path: Path, tokenizer: Tokenizer, num_broken: int = 0) -> Path:
    generator = random.Random(0)
    kinds = generator.choices(list(SHARES), list(SHARES.values()), k=1_500)
    texts = [words_of(kind, 60, 1_000 + n) for n, kind in enumerate(kinds)]
    texts = ["aa " * 100 if n < num_broken else text for n, text in enumerate(texts)]
    tokens = [tokenizer.encode(text).ids[:SIZE] for text in texts]
    table = {"tokens": tokens, "text": texts, "is_finished": [n % 2 == 0 for n in range(1_500)]}
    pq.write_table(pa.table(table), path)
    return path


@pytest.fixture(scope="module")
def estimated(
    categories: list[Category], tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory
) -> Estimated:
    folder = tmp_path_factory.mktemp("samples")
    path = write_samples(folder / "samples.parquet", tokenizer, num_broken=200)
    return estimate_model([path], 1_500, categories, tokenizer, folder, 0)


def test_hidden_shares_are_found(estimated: Estimated) -> None:
    found, truth = estimated.shares, np.array([SHARES[kind] for kind in LETTERS])
    assert 1 - np.abs(found.shares - truth).sum() / 2 > 0.95
    assert found.shares.sum() == pytest.approx(1)
    assert ((found.low <= truth) & (truth <= found.high)).all()


def test_what_is_no_text_is_counted_and_said(
    estimated: Estimated, categories: list[Category]
) -> None:
    assert estimated.samples.set_aside == {"repetitive": 200}
    mixture = mixture_of(estimated, Path("some/model"), categories, {}, "text")
    said = " ".join(mixture.warnings)
    assert "13% of the samples were set aside as no text: repetitive 200." in said
    assert "50% of the samples did not end within 40 tokens" in said
    assert "1,300 samples are few" in said
    assert [component.domain for component in mixture.components] == list(LETTERS)


def test_the_same_samples_give_the_same_figures(
    estimated: Estimated, categories: list[Category], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    path = write_samples(tmp_path / "samples.parquet", tokenizer, num_broken=200)
    again = estimate_model([path], 1_500, categories, tokenizer, tmp_path, 0)
    assert again.shares.shares.tolist() == estimated.shares.shares.tolist()
    assert again.shares.low.tolist() == estimated.shares.low.tolist()


def test_a_model_that_writes_no_text_is_refused(
    categories: list[Category], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    path = write_samples(tmp_path / "samples.parquet", tokenizer, num_broken=1_450)
    with pytest.raises(InputError, match=r"only 50 of 1500 samples are text .*repetitive 1450"):
        estimate_model([path], 1_500, categories, tokenizer, tmp_path, 0)


def test_too_little_text_is_named(
    categories: list[Category], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    few = Category("letters", 10**9)
    few.add(words_of("legal", 500, 0))
    path = write_samples(tmp_path / "samples.parquet", tokenizer)
    with pytest.raises(InputError, match=r"letters: .* stretches of 40 tokens in one half"):
        estimate_model([path], 1_500, [*categories, few], tokenizer, tmp_path, 0)


def test_windows_are_spread_over_the_text_and_halves_do_not_meet(
    categories: list[Category], tokenizer: Tokenizer
) -> None:
    windows = cut_windows(categories, tokenizer, SIZE, 100)
    for label in range(len(categories)):
        own = [window for window in windows if window.label == label]
        assert len(own) == 100
        assert sorted(window.fold for window in own) == [window.fold for window in own]
        assert 40 <= sum(window.fold for window in own) <= 60
    assert all(len(window.words.split()) == SIZE for window in windows)


def test_samples_are_sorted_by_what_they_are() -> None:
    assert degenerate([1, 2, 3], "abc") == "too_short"
    assert degenerate(list(range(20)), "  ") == "too_short"
    assert degenerate([1, 2] * 20, "so it goes") == "repetitive"
    assert degenerate(list(range(20)), "a\ufffd" * 10) == "broken_characters"
    assert degenerate(list(range(20)), "a text") is None
    found = sort_samples([[1] * 30, list(range(30))], ["again", "a text"])
    assert (found.words[0][:5], found.lengths.tolist()) == ("t0 t1", [30])
