"""Packing keeps every token once, and a packed document is computed as if it were alone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.replay.batch import make_batch
from pipeline.replay.decoder import load_decoder
from pipeline.replay.losses import next_token_logits, scored_losses
from pipeline.replay.packing import PADDING, Packed, Tokenized, best_fit, concatenate, cut, pack


def document(tokens: list[int]) -> Tokenized:
    return Tokenized(np.array(tokens, np.int64), np.ones(len(tokens), np.bool_))


DOCUMENTS = st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=40), max_size=25)


def unpack(packed: Packed) -> list[list[int]]:
    return [
        tokens[segments == segment].tolist()
        for tokens, segments in zip(packed.tokens, packed.segments, strict=True)
        for segment in range(segments.max() + 1)
    ]


@settings(max_examples=60)
@given(DOCUMENTS)
def test_every_token_appears_exactly_once(lists: list[list[int]]) -> None:
    documents = [document(tokens) for tokens in lists]
    expected = [piece.tokens.tolist() for doc in documents for piece in cut(doc, 16)]
    packed = pack(documents, 16, padding_token=0)
    assert sorted(unpack(packed)) == sorted(expected)
    assert (packed.tokens[packed.segments == PADDING] == 0).all()
    assert not packed.scored[packed.segments == PADDING].any()


@settings(max_examples=60)
@given(DOCUMENTS)
def test_positions_restart_and_first_tokens_bear_no_loss(lists: list[list[int]]) -> None:
    packed = pack([document(tokens) for tokens in lists], 16, padding_token=0)
    for row in range(len(packed)):
        for segment in range(packed.segments[row].max() + 1):
            inside = packed.segments[row] == segment
            assert packed.positions[row][inside].tolist() == list(range(inside.sum()))
            assert packed.scored[row][inside].tolist() == [False] + [True] * (inside.sum() - 1)


def slow_best_fit(lengths: list[int], capacity: int) -> list[int]:
    """The room left in each bin, by looking at every bin for every item."""
    rooms: list[int] = []
    for length in sorted(lengths, reverse=True):
        fitting = [room for room in rooms if room >= length]
        room = min(fitting) if fitting else capacity
        if fitting:
            rooms.remove(room)
        rooms.append(room - length)
    return rooms


@settings(max_examples=100)
@given(st.lists(st.integers(1, 16), max_size=60))
def test_best_fit_agrees_with_the_obvious_search(lengths: list[int]) -> None:
    bins = best_fit(lengths, 16)
    assert sorted(index for members in bins for index in members) == list(range(len(lengths)))
    rooms = [16 - sum(lengths[index] for index in members) for members in bins]
    assert sorted(rooms) == sorted(slow_best_fit(lengths, 16))


def test_select_and_concatenate_keep_rows() -> None:
    packed = pack([document([1, 2, 3]), document([4, 5]), document([6])], 3, padding_token=0)
    turned = concatenate([packed.select(np.array([1])), packed.select(np.array([0]))])
    assert turned.tokens.tolist() == packed.tokens[[1, 0]].tolist()
    assert len(turned) == 2


@pytest.fixture(scope="module")
def ragged() -> list[Tokenized]:
    random = np.random.default_rng(0)
    return [document(random.integers(1, 300, size).tolist()) for size in (9, 5, 7, 3, 16, 2, 11)]


def test_packed_logits_are_those_of_the_document_alone(tiny_model, ragged) -> None:  # noqa: ANN001
    model = load_decoder(tiny_model)
    packed = pack(ragged, 16, padding_token=0)
    with torch.inference_mode():
        together = next_token_logits(model, make_batch(packed)).numpy()
        for row in range(len(packed)):
            for segment in range(packed.segments[row].max() + 1):
                inside = packed.segments[row] == segment
                tokens = torch.from_numpy(packed.tokens[row][inside])[None]
                alone = model(input_ids=tokens, use_cache=False).logits[0].numpy()
                np.testing.assert_allclose(together[row][inside], alone, atol=1e-5)


def test_losses_are_those_of_the_scored_tokens(tiny_model, ragged) -> None:  # noqa: ANN001
    model = load_decoder(tiny_model)
    packed = pack(ragged, 16, padding_token=0)
    batch = make_batch(packed)
    with torch.inference_mode():
        losses = scored_losses(model, batch)
        log_probabilities = torch.log_softmax(next_token_logits(model, batch), dim=-1)
    expected = [
        -float(log_probabilities[row, place - 1, packed.tokens[row, place]])
        for row, place in np.argwhere(packed.scored)
    ]
    np.testing.assert_allclose(losses.numpy(), expected, atol=1e-5)


def test_task_targets_come_first(ragged: list[Tokenized]) -> None:
    packed = pack(ragged, 16, padding_token=0)
    batch = make_batch(packed, num_task_sequences=2)
    assert batch.num_task_targets == packed.scored[:2].sum()
    assert len(batch.targets) == packed.scored.sum()
