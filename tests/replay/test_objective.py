"""What is minimised, some tokens at a time, is what the whole logits give."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from pipeline.replay import objective as module
from pipeline.replay.objective import Predictions, divergence, objective

WIDTH, VOCABULARY, SCALE = 8, 13, 0.3


def layer(*, bias: bool, seed: int = 0) -> torch.nn.Linear:
    torch.manual_seed(seed)
    return torch.nn.Linear(WIDTH, VOCABULARY, bias=bias)


def whole(
    hidden: torch.Tensor, head: torch.nn.Linear, targets: torch.Tensor, taught: Predictions | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what is minimised and the losses, by all logits at once."""
    logits = head(hidden).float()
    losses = functional.cross_entropy(logits, targets, reduction="none")
    if taught is None:
        return losses.sum() * SCALE, losses
    num_plain = len(targets) - len(taught.values)
    distances = divergence(logits[num_plain:], taught.logits())
    return (losses[:num_plain].sum() + distances.sum()) * SCALE, losses


def gradients(
    compute: Any, head: torch.nn.Linear, hidden: torch.Tensor, *rest: Any
) -> list[torch.Tensor]:
    """Return what is minimised, the losses, and the gradients of all that has one."""
    hidden = hidden.detach().clone().requires_grad_()
    head.zero_grad()
    minimised, losses = compute(hidden, head, *rest)
    (2 * minimised).backward()  # as if it went into something else
    given = [hidden, *head.parameters()]
    return [minimised, losses, *(each.grad.clone() for each in given if each.grad is not None)]


def ours(
    hidden: torch.Tensor, head: torch.nn.Linear, targets: torch.Tensor, taught: Predictions | None
) -> tuple[torch.Tensor, torch.Tensor]:
    return objective(Predictions(hidden, head), targets, taught, SCALE)


@given(
    num_tokens=st.integers(1, 30), num_taught=st.integers(0, 30), chunk=st.integers(1, 40),
    bias=st.booleans(), frozen=st.booleans(),
)  # fmt: skip
def test_losses_and_gradients_are_those_of_the_whole_logits(
    num_tokens: int, num_taught: int, chunk: int, bias: bool, frozen: bool
) -> None:
    head = layer(bias=bias).requires_grad_(not frozen)
    num_taught = min(num_taught, num_tokens)
    hidden = torch.randn(num_tokens, WIDTH, requires_grad=True)
    targets = torch.randint(0, VOCABULARY, (num_tokens,))
    teacher = Predictions(torch.randn(num_taught, WIDTH), layer(bias=True, seed=1))
    taught = teacher if num_taught else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_BYTES", {"cpu": 4 * VOCABULARY * chunk})
        found = gradients(ours, head, hidden, targets, taught)
    expected = gradients(whole, head, hidden, targets, taught)
    assert len(found) == len(expected) == 3 + (0 if frozen else 1 + bias)
    for one, two in zip(found, expected, strict=True):
        assert torch.allclose(one, two, atol=1e-5)


def test_logits_far_apart_overflow_nothing() -> None:
    head = layer(bias=False)
    hidden, targets = 1e4 * torch.randn(6, WIDTH), torch.arange(6)
    taught = Predictions(1e4 * torch.randn(2, WIDTH), head)
    for found, expected in zip(
        ours(hidden, head, targets, taught), whole(hidden, head, targets, taught), strict=True
    ):
        assert torch.isfinite(found).all()
        assert torch.allclose(found, expected, rtol=1e-4)


def test_products_are_rounded_where_the_model_s_are() -> None:
    head, hidden = layer(bias=True), torch.randn(20, WIDTH, requires_grad=True)
    targets = torch.randint(0, VOCABULARY, (20,))
    exact = gradients(ours, head, hidden, targets, None)
    with torch.autocast("cpu", torch.bfloat16):
        found = gradients(ours, head, hidden, targets, None)
        expected = gradients(whole, head, hidden, targets, None)
    for one, two, three in zip(found, expected, exact, strict=True):
        assert one.dtype == torch.float32
        assert torch.allclose(one, two, atol=0.05)
        assert not torch.equal(one, three)


def test_without_a_gradient_the_losses_are_the_same() -> None:
    head, hidden = layer(bias=True), torch.randn(20, WIDTH, requires_grad=True)
    targets = torch.randint(0, VOCABULARY, (20,))
    expected = ours(hidden, head, targets, None)[1]
    with torch.inference_mode():
        assert torch.equal(ours(hidden, head, targets, None)[1], expected)


def test_logits_that_a_model_makes_itself_are_taken_as_they_are() -> None:
    """By an output layer with adapters, say, or capped."""
    head, hidden = layer(bias=False), torch.randn(9, WIDTH)
    targets = torch.randint(0, VOCABULARY, (9,))
    taught = Predictions(torch.randn(4, WIDTH), layer(bias=False, seed=1))
    expected = whole(hidden, head, targets, taught)
    for teacher in (taught, Predictions(taught.logits(), None)):
        found = objective(Predictions(head(hidden), None), targets, teacher, SCALE)
        for one, two in zip(found, expected, strict=True):
            assert torch.allclose(one, two, atol=1e-6)


def test_a_teacher_in_half_precision_teaches_a_model_in_full() -> None:
    """A norm on a GPU gives 32 bits even where the weights of the output layer have 16."""
    head, hidden = layer(bias=True), torch.randn(9, WIDTH)
    targets = torch.randint(0, VOCABULARY, (9,))
    rounded = layer(bias=True, seed=1).to(torch.bfloat16)
    taught = Predictions(torch.randn(4, WIDTH), rounded)
    exact = Predictions(taught.values, layer(bias=True, seed=1))
    found = ours(hidden, head, targets, taught)[0]
    expected = whole(hidden, head, targets, exact)[0]
    assert found.item() == pytest.approx(expected.item(), rel=0.02)


def test_divergence_is_the_sum_over_the_vocabulary() -> None:
    logits, taught = torch.randn(5, 7), torch.randn(5, 7)
    expected = [
        sum(
            float(p * (p / q).log())
            for p, q in zip(taught[row].softmax(-1), logits[row].softmax(-1), strict=True)
        )
        for row in range(5)
    ]
    assert divergence(logits, taught).tolist() == pytest.approx(expected, abs=1e-5)
    assert divergence(taught, taught).tolist() == pytest.approx([0] * 5, abs=1e-6)


def test_its_gradient_is_that_of_the_teacher_s_words() -> None:
    """As if every token the teacher might say were in the text, as often as the teacher says it."""
    logits = torch.randn(5, 7, requires_grad=True)
    taught = torch.randn(5, 7)
    divergence(logits, taught).sum().backward()
    found = logits.grad
    logits.grad = None
    functional.cross_entropy(logits, taught.softmax(-1), reduction="sum").backward()
    assert found is not None
    assert logits.grad is not None
    assert torch.allclose(found, logits.grad, atol=1e-6)
