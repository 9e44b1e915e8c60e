"""The replayed share and the domains' shares of it, counted from the very tensors of a run."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.replay.arm import Arm, Experiment
from pipeline.replay.batch import Batch
from pipeline.replay.data import Corpus
from pipeline.replay.packing import Packed, Tokenized, concatenate, pack
from pipeline.replay.schedule import Pool
from schemas.finetune import FinetuneConfig

CONTEXT = 32
TASK_TOKEN = 1  # each domain's documents consist of one token of its own
DOMAIN_TOKENS = {"books": 2, "code": 3, "legal": 4}
STEPS = 25


def packed_documents(token: int, lengths: list[int], scored_from: int = 1) -> Packed:
    documents = [
        Tokenized(np.full(length, token), np.arange(length) >= scored_from) for length in lengths
    ]
    return pack(documents, CONTEXT, padding_token=0)


def arm_of(lengths: dict[str, list[int]], shares: dict[str, float], fraction: float) -> Arm:
    parts = {name: packed_documents(DOMAIN_TOKENS[name], each) for name, each in lengths.items()}
    anchor = concatenate(list(parts.values()))
    domains = tuple(name for name, part in parts.items() for _ in range(len(part)))
    task = packed_documents(TASK_TOKEN, [20, 9, 30, 12, 17, 32, 25], scored_from=6)
    config = FinetuneConfig.model_validate(
        {
            "name": "x", "anchor": "x", "task": {"kind": "docstrings"}, "steps": STEPS,
            "batch_size": 3, "context": CONTEXT,
        }
    )  # fmt: skip
    pool = Pool(anchor.num_scored(), domains, shares)
    experiment = Experiment(config, Path(), "x", task, Corpus(anchor, pool), {}, {})
    return Arm(experiment, fraction, seed=0)


def batches_of(arm: Arm) -> Iterator[Batch]:
    plan = arm.plan()
    return (arm.batch(plan, step) for step in range(arm.num_steps))


LENGTHS = st.lists(st.integers(2, 40), min_size=1, max_size=12)


@pytest.mark.parametrize("fraction", [0.005, 0.05, 0.25, 0.6])
@settings(max_examples=15)
@given(
    st.fixed_dictionaries(dict.fromkeys(DOMAIN_TOKENS, LENGTHS)),
    st.tuples(*[st.floats(0.05, 1)] * 3),
)
def test_shares_are_exact_to_within_one_sequence(
    fraction: float, lengths: dict[str, list[int]], weights: tuple[float, ...]
) -> None:
    shares = {name: w / sum(weights) for name, w in zip(DOMAIN_TOKENS, weights, strict=True)}
    counts: Counter[int] = Counter()
    for batch in batches_of(arm_of(lengths, shares, fraction)):
        counts.update(batch.targets.tolist())
        task = counts[TASK_TOKEN]
        anchor = counts.total() - task
        assert abs(anchor - task * fraction / (1 - fraction)) <= CONTEXT
        for name, token in DOMAIN_TOKENS.items():
            assert abs(counts[token] - shares[name] * anchor) <= CONTEXT


def test_the_first_targets_of_a_batch_are_the_task_s() -> None:
    lengths = {name: [32] for name in DOMAIN_TOKENS}
    arm = arm_of(lengths, dict.fromkeys(DOMAIN_TOKENS, 1 / 3), 0.5)
    for batch in batches_of(arm):
        is_task = batch.targets == TASK_TOKEN
        assert torch.equal(is_task, torch.arange(len(is_task)) < batch.num_task_targets)
