"""Samples are the model's own distribution, the same every time, and are not drawn twice."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from pipeline.errors import InputError
from pipeline.replay.build import Document
from pipeline.replay.decoder import load_decoder, new_decoder, save_decoder, save_tokenizer
from pipeline.replay.generate import PART_SAMPLES, Sampling, draw_samples, sample_tokens
from pipeline.replay.tokenizer import train_tokenizer
from pipeline.store import Store
from schemas.finetune_inputs import FreshDecoder

SHAPE = FreshDecoder(vocabulary_size=300, hidden_size=16, num_layers=1, num_heads=2)
SETTINGS = Sampling(num_samples=100, max_tokens=24, batch_size=256, seed=0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    text = "some words of a small text, again and again"
    encoder = train_tokenizer([Document("a", text, "web", "a", 0)], 300)
    decoder = new_decoder(SHAPE, encoder, 32, 0)
    with torch.no_grad():  # so that its distribution is far from flat
        for parameter in decoder.parameters():
            parameter *= 3
    save_decoder(decoder, folder)
    save_tokenizer(encoder, folder)
    return folder


def quiet(line: str) -> None:
    """Say nothing."""


def test_samples_are_picked_by_the_cumulative_distribution(model: Path) -> None:
    decoder = load_decoder(model)
    chances = np.random.default_rng(1).random((5, 12))
    first = np.zeros((5, 1), np.int64)
    found = sample_tokens(decoder, first, chances, 0, model)
    for row, own in zip(found, chances, strict=True):
        written = [0]
        for chance in own:
            with torch.inference_mode():
                logits = decoder(input_ids=torch.tensor([written])).logits[0, -1].double()
            below = np.cumsum(torch.softmax(logits, -1).numpy())
            written.append(int(np.searchsorted(below, chance * below[-1], side="right")))
            if written[-1] == 0:
                break
        assert row.tolist() == written[1:]


def test_the_first_token_comes_as_often_as_the_model_says(model: Path) -> None:
    decoder = load_decoder(model)
    chances = np.random.default_rng(2).random((20_000, 1))
    found = sample_tokens(decoder, np.zeros((20_000, 1), np.int64), chances, 0, model)
    with torch.inference_mode():
        wanted = torch.softmax(decoder(input_ids=torch.zeros(1, 1).long()).logits[0, -1], -1)
    counts = np.bincount([row[0] for row in found], minlength=len(wanted)) / 20_000
    assert np.abs(counts - wanted.numpy()).sum() / 2 < 0.05


def test_samples_are_drawn_once_and_more_are_added(model: Path, tmp_path: Path) -> None:
    store = Store(tmp_path)
    (first,) = draw_samples(model, SETTINGS, store, quiet)
    rows = pq.read_table(first)
    assert rows.num_rows == PART_SAMPLES
    assert all(0 not in tokens for tokens in rows["tokens"].to_pylist())
    before = first.stat().st_mtime_ns
    more = Sampling(PART_SAMPLES + 1, 24, 256, 0)
    again, second = draw_samples(model, more, store, quiet)
    assert (again, again.stat().st_mtime_ns) == (first, before)
    assert pq.read_table(second)["tokens"] != rows["tokens"]
    elsewhere = draw_samples(model, SETTINGS, Store(tmp_path / "other"), quiet)[0]
    assert elsewhere.read_bytes() == first.read_bytes()


def test_samples_that_end_are_marked(model: Path, tmp_path: Path) -> None:
    (path,) = draw_samples(model, SETTINGS, Store(tmp_path), quiet)
    for row in pq.read_table(path).to_pylist():
        assert row["is_finished"] or len(row["tokens"]) == 24


def test_a_sample_longer_than_the_model_is_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="room for 32 tokens, the first included"):
        draw_samples(model, Sampling(10, 32, 8, 0), Store(tmp_path), quiet)


def test_damaged_weights_are_said(model: Path) -> None:
    decoder = load_decoder(model)
    with torch.no_grad():
        next(decoder.parameters()).fill_(float("nan"))
    with pytest.raises(InputError, match="the model's logits are not numbers"):
        sample_tokens(decoder, np.zeros((1, 1), np.int64), np.zeros((1, 2)), 0, model)
