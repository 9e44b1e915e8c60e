"""The estimate of a tokenizer as a mixture file, with all that its reader must know.

Reads a tokenizer and sample text by category; gives a Mixture, of bytes.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.errors import InputError
from pipeline.estimate.category import Category
from pipeline.estimate.tokenizer.bpe import BpeTokenizer
from pipeline.estimate.tokenizer.estimate import TokenizerEstimate, estimate_mixture
from pipeline.estimate.tokenizer.known import readable, recognise
from pipeline.estimate.tokenizer.words import PieceCounts, number_merges, sample_words
from schemas.mixture import Component, Mixture
from schemas.tokenizer import KnownTokenizer

MIN_MERGES = 500
FEW_BYTES = 1_000_000
MAX_DIFFERENCE = 0.1  # between the curve and the linear program, of a share
CAVEAT = (
    "The shares are of the bytes of the text that the tokenizer was trained on; a model is often "
    "trained on another mixture than its tokenizer. The 90 % intervals are those of tokenizers of "
    "these shares that were trained on half of the sample text."
)


def check_merges(tokenizer: BpeTokenizer) -> None:
    """Raise InputError where there are too few merges to tell anything."""
    if len(tokenizer.merges) < MIN_MERGES:
        raise InputError(
            f"{tokenizer.name}: {len(tokenizer.merges):,} merges, too few to tell shares by; at "
            f"least {MIN_MERGES:,} are needed"
        )


class Estimated(NamedTuple):
    """The shares of categories, and how many tokens the tokenizer makes of a byte of each."""

    shares: TokenizerEstimate
    tokens_per_byte: tuple[float, ...]


def estimate_tokenizer(
    tokenizer: BpeTokenizer, categories: Sequence[Category], max_merges: int, seed: int
) -> Estimated:
    """Return the shares of the categories in the tokenizer's training text."""
    check_merges(tokenizer)
    numbered = number_merges(tokenizer)
    pieces = {each.name: PieceCounts(each.portions) for each in categories}
    words = sample_words(pieces, tokenizer, numbered)
    estimate = estimate_mixture(words, numbered.merges.first(max_merges), seed)
    return Estimated(estimate, tuple(words.tokens_per_byte(numbered.merges).tolist()))


def mixture_of(
    estimated: Estimated,
    tokenizer: BpeTokenizer,
    categories: Sequence[Category],
    domains: Mapping[str, str],
    sample: str,
) -> Mixture:
    """Return the mixture file; `domains` by category comes before what a category's name says."""
    estimate, tokens_per_byte = estimated
    components = tuple(
        Component(
            name=category.name,
            proportion=round(float(share), 5),
            low=round(float(low), 5),
            high=round(float(high), 5),
            tokens_per_byte=round(ratio, 5),
            domain=domains.get(category.name, category.domain),
        )
        for category, share, low, high, ratio in zip(
            categories, estimate.shares, estimate.low, estimate.high, tokens_per_byte, strict=True
        )
    )
    return Mixture(
        name=_name_of(tokenizer.name),
        title=f"What the tokenizer {tokenizer.name} was trained on, estimated",
        source=(
            f"the order of {estimate.num_merges:,} merges of {tokenizer.name} (sha256 "
            f"{tokenizer.sha256[:16]}), and sample text of {sample}"
        ),
        mark="estimated",
        unit="bytes",
        components=components,
        uncertainty=CAVEAT,
        warnings=tuple(_warnings(estimate, tokenizer, categories)),
    )


def _name_of(file: str) -> str:
    """Return a mixture's name after a tokenizer's file."""
    words = re.findall("[a-z0-9]+", file.lower().split(".")[0])
    return "-".join(dict.fromkeys(["tokenizer", *words]))[:80]


def _warnings(
    estimate: TokenizerEstimate, tokenizer: BpeTokenizer, categories: Sequence[Category]
) -> list[str]:
    found = [
        _of_known(recognise(tokenizer.merges)),
        _of_unlisted(estimate, tokenizer),
        _of_cross_check(estimate),
        _of_few(categories),
        *map(_of_refused, categories),
    ]
    return [warning for warning in found if warning]


def _of_known(known: KnownTokenizer | None) -> str:
    if known is None:
        return ""
    borrowed = f" Models that borrow it: {', '.join(known.used_by)}." if known.used_by else ""
    return (
        f"These are merges of {known.title}, trained on {known.trained_on}.{borrowed} For a model "
        "that borrows its tokenizer this says nothing of its own training data."
    )


def _of_unlisted(estimate: TokenizerEstimate, tokenizer: BpeTokenizer) -> str:
    if not estimate.has_unlisted:
        return ""
    first = ", ".join(repr(readable("".join(tokenizer.merges[n]))) for n in estimate.lacked)
    misfit, lacking = estimate.misfit, estimate.lacking
    return (
        "The tokenizer saw text of a kind that no category has, or a category does not resemble "
        "what it stands for; the share of such text went to the nearest categories. The sample has "
        f"less than a fifth of what their rank asks for of {lacking.found:.1%} of the merges "
        f"({lacking.expected:.1%} of merges made of nothing but such text), and merges fit "
        f"{misfit.found / misfit.expected:.2f} times as badly. The first that it lacks: {first}."
    )


def _of_cross_check(estimate: TokenizerEstimate) -> str:
    apart = [
        f"{name} {other:.1%} in place of {share:.1%}"
        for name, share, other in zip(
            estimate.categories, estimate.shares, estimate.cross_check, strict=True
        )
        if abs(share - other) > MAX_DIFFERENCE
    ]
    return f"The linear program says otherwise: {', '.join(apart)}." if apart else ""


def _of_few(categories: Sequence[Category]) -> str:
    few = [each.name for each in categories if each.num_bytes_read < FEW_BYTES]
    return (
        f"Less than a megabyte of text, so that shares may be off by some points: {', '.join(few)}."
        if few
        else ""
    )


def _of_refused(category: Category) -> str:
    refused = ", ".join(f"{reason} {count}" for reason, count in category.refused.items())
    return f"{category.name}: records that could not be read: {refused}." if refused else ""
