"""What a model's loss by domain says of its training mixture, beside what its texts say.

Takes the models of `model_samples` (known mixtures, one shape, one number of steps) and text that
none of them saw. A domain's loss falls with its share, about as its logarithm, from a level that is
the domain's own. Where models of known mixtures and of the same kind exist ("twins"), level and
slope are fitted to them: each model is told from all others. Without twins, the level is what a
byte costs a general compressor (LZMA), and the slope the one that twins gave, which favours it.
"""

# ruff: noqa: T201

import argparse
import json
import lzma
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from pipeline.replay.decoder import load_decoder
from pipeline.replay.tokenizer import load_tokenizer
from tests.benchmarks.hidden_mixtures import Sides, english
from tests.benchmarks.model_samples import CONTEXT, passages
from tests.conftest import CORPORA

NUM_PASSAGES = 400  # of a domain
MIN_SHARE = 0.002  # whose logarithm is still taken


def main(corpora: Path, folder: Path) -> None:
    """Print the overlap with the truth of both guesses, for each model in the folder."""
    sides = english(corpora)
    texts = {name: passages(each.sample)[:NUM_PASSAGES] for name, each in sides.items()}
    homes = sorted(path.parent for path in folder.glob("lm*/truth.json"))
    losses = np.array([losses_of(home, list(texts.values())) for home in homes])
    truths = np.array([_truth(home, sides) for home in homes])
    levels = np.array([_compressed(each) for each in texts.values()])
    uniform = np.full(len(sides), 1 / len(sides))
    for place, home in enumerate(homes):
        others = np.arange(len(homes)) != place
        fitted, slope = fit_twins(losses[others], truths[others])
        twins = shares_of(fitted, slope, losses[place])
        alone = shares_of(levels + (losses[place] - levels).mean(), slope, losses[place])
        print(
            f"{home.name}: with twins {_overlap(twins, truths[place])}, without "
            f"{_overlap(alone, truths[place])}, uniform {_overlap(uniform, truths[place])}"
        )


@torch.inference_mode()
def losses_of(home: Path, texts: Sequence[Sequence[str]]) -> np.ndarray:
    """Return bits per byte on the beginnings of passages, by domain."""
    model, encoder = load_decoder(home), load_tokenizer(home)
    sizes = torch.from_numpy(encoder.token_bytes())
    found = []
    for passages_of_domain in texts:
        encodings = encoder.tokenizer.encode_batch(list(passages_of_domain))
        rows = [[encoder.end, *each.ids[: CONTEXT - 1]] for each in encodings]
        ids = torch.tensor([row for row in rows if len(row) == CONTEXT])
        logits = model(input_ids=ids).logits[:, :-1].flatten(0, 1)
        nats = torch.nn.functional.cross_entropy(logits, ids[:, 1:].flatten(), reduction="sum")
        found.append(float(nats) / np.log(2) / int(sizes[ids[:, 1:]].sum()))
    return np.array(found)


def fit_twins(losses: np.ndarray, truths: np.ndarray) -> tuple[np.ndarray, float]:
    """Return each domain's level and the common slope of loss = level - slope × log share."""
    logs = np.log(np.maximum(truths, MIN_SHARE))
    inner = logs - logs.mean(axis=0)
    slope = -float((inner * (losses - losses.mean(axis=0))).sum() / (inner**2).sum())
    return losses.mean(axis=0) + slope * logs.mean(axis=0), slope


def shares_of(levels: np.ndarray, slope: float, losses: np.ndarray) -> np.ndarray:
    """Return the shares by which losses would be so far from their levels."""
    logs = (levels - losses) / slope
    shares = np.exp(logs - logs.max())
    return shares / shares.sum()


def _compressed(texts: Sequence[str]) -> float:
    data = "\n".join(texts).encode()
    return 8 * len(lzma.compress(data)) / len(data)


def _truth(home: Path, sides: dict[str, Sides]) -> list[float]:
    truth = json.loads((home / "truth.json").read_text())
    return [truth[name] for name in sides]


def _overlap(shares: np.ndarray, truth: np.ndarray) -> str:
    return f"{1 - np.abs(shares - truth).sum() / 2:.3f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where `model_samples --folder` keeps its models")
    main(CORPORA, parser.parse_args().folder)
