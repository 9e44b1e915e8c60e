"""The mixture of a tokenizer's training text is found again, and what is missing is noticed."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from pipeline.errors import InputError
from pipeline.estimate.category import Category
from pipeline.estimate.tokenizer.bpe import BpeTokenizer, read_tokenizer
from pipeline.estimate.tokenizer.estimate import TokenizerEstimate
from pipeline.estimate.tokenizer.mixture import (
    Estimated,
    check_merges,
    estimate_tokenizer,
    mixture_of,
)

LETTERS = {"low": "aeiounmlrst", "high": "aeiobcdfgpk", "digits": "0123456789aeiou"}
SHARES = {"low": 0.55, "high": 0.3, "digits": 0.15}
NUM_WORDS = 3_000
NUM_CHARACTERS = 600_000


def vocabulary(letters: str) -> list[str]:
    generator = random.Random(letters)
    return [
        "".join(generator.choices(letters, k=generator.randint(2, 9))) for _ in range(NUM_WORDS)
    ]


def text_of(kind: str, num_characters: int, seed: int) -> str:
    """Return words of a kind by Zipf's law, a fifth of them common to all kinds."""
    own, common = vocabulary(LETTERS[kind]), vocabulary("thequickbrown")
    weights = [1 / (rank + 3) for rank in range(NUM_WORDS)]
    generator = random.Random(seed)
    words = generator.choices(own, weights, k=num_characters // 5)
    shared = generator.choices(common, weights, k=num_characters // 5)
    mixed = [b if generator.random() < 0.2 else a for a, b in zip(words, shared, strict=True)]
    return " ".join(mixed)[:num_characters]


def category(kind: str) -> Category:
    made = Category(kind, 10**9)
    for seed in range(12):
        made.add(text_of(kind, NUM_CHARACTERS // 12, 100 + seed))
    return made


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> BpeTokenizer:
    texts = [text_of(kind, int(NUM_CHARACTERS * share), 1) for kind, share in SHARES.items()]
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=2_000, show_progress=False)
    trained.train_from_iterator(texts, trainer)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    trained.save(str(path))
    return read_tokenizer(path)


@pytest.fixture(scope="module")
def categories() -> list[Category]:
    return [category(kind) for kind in SHARES]


@pytest.fixture(scope="module")
def estimated(tokenizer: BpeTokenizer, categories: Sequence[Category]) -> Estimated:
    return estimate_tokenizer(tokenizer, categories, 2_000, seed=0)


@pytest.fixture(scope="module")
def estimate(estimated: Estimated) -> TokenizerEstimate:
    return estimated.shares


def test_hidden_shares_are_found(estimate: TokenizerEstimate) -> None:
    truth = np.array(list(SHARES.values()))
    assert estimate.categories == tuple(SHARES)
    assert np.abs(estimate.shares - truth).max() < 0.02
    assert np.abs(estimate.cross_check - truth).max() < 0.05
    assert (estimate.low <= estimate.shares).all()
    assert (estimate.shares <= estimate.high).all()
    assert estimate.shares.sum() == pytest.approx(1)


def test_nothing_is_found_missing_where_nothing_is(estimate: TokenizerEstimate) -> None:
    assert not estimate.has_unlisted


def test_a_missing_category_is_noticed(
    tokenizer: BpeTokenizer, categories: Sequence[Category]
) -> None:
    left = [each for each in categories if each.name != "digits"]
    found = estimate_tokenizer(tokenizer, left, 2_000, seed=0)
    assert found.shares.has_unlisted
    mixture = mixture_of(found, tokenizer, left, {}, "sample")
    (said,) = [warning for warning in mixture.warnings if "no category has" in warning]
    assert any(digit in said.rpartition("lacks:")[2] for digit in "0123456789")


def test_the_same_text_and_seed_give_the_same_figures(
    tokenizer: BpeTokenizer, categories: Sequence[Category], estimate: TokenizerEstimate
) -> None:
    again = estimate_tokenizer(tokenizer, categories, 2_000, seed=0).shares
    assert again.shares.tolist() == estimate.shares.tolist()
    assert again.low.tolist() == estimate.low.tolist()
    assert again.misfit == estimate.misfit


def test_a_category_of_no_share_has_none(
    tokenizer: BpeTokenizer, categories: Sequence[Category]
) -> None:
    stranger = Category("stranger", 10**9)
    stranger.add(" ".join(random.Random(0).choices(vocabulary("vwxyzj"), k=20_000)))
    found = estimate_tokenizer(tokenizer, [*categories, stranger], 2_000, seed=0)
    assert found.shares.shares[-1] < 0.005


def test_too_few_merges_are_refused(tokenizer: BpeTokenizer) -> None:
    few = BpeTokenizer("small", tokenizer.merges[:100], 0, tokenizer.cut, "")
    with pytest.raises(InputError, match="small: 100 merges, too few"):
        check_merges(few)


def test_the_mixture_states_intervals_domains_and_doubts(
    estimated: Estimated, tokenizer: BpeTokenizer, categories: Sequence[Category]
) -> None:
    mixture = mixture_of(estimated, tokenizer, categories, {"low": "books"}, "my text")
    low, high, _ = mixture.components
    assert (low.domain, high.domain) == ("books", None)
    assert low.low is not None
    assert low.high is not None
    assert low.low <= low.proportion <= low.high
    assert (mixture.mark, mixture.unit) == ("estimated", "bytes")
    assert "my text" in mixture.source
    assert any("less than a megabyte" in warning.lower() for warning in mixture.warnings)


def test_tokens_per_byte_are_those_of_the_tokenizer(
    estimated: Estimated,
    tokenizer: BpeTokenizer,
    categories: Sequence[Category],
) -> None:
    vocabulary = {letter: n for n, letter in enumerate(pre_tokenizers.ByteLevel.alphabet())}
    for left, right in tokenizer.merges:
        vocabulary[left + right] = len(vocabulary)
    model = Tokenizer(models.BPE(vocab=vocabulary, merges=list(tokenizer.merges)))
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    for each, ratio in zip(categories, estimated.tokens_per_byte, strict=True):
        text = "".join(each.portions)
        assert ratio == pytest.approx(
            len(model.encode(text).ids) / len(text), rel=5e-3
        )  # portions cut words
