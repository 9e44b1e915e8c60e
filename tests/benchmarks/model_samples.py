"""How well a model's training mixture is told from the texts that it writes.

Small decoders (0.7 M parameters) are trained on hidden mixtures of passages of real text; each then
writes texts, from which its shares are estimated with other documents: other books, acts, pages and
projects. Prints the overlap (1 - total variation) of the estimate with the truth beside those of
plain counting, of a right and two wrong priors, and of the estimate combined with each of these.
A passage is a document, all of one length, so shares of documents are shares of tokens.
"""

# ruff: noqa: T201

import argparse
import json
import random
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from pipeline.estimate.category import Category
from pipeline.estimate.combine import combine
from pipeline.estimate.model.mixture import Estimated, estimate_model
from pipeline.replay.decoder import new_decoder, save_decoder, save_tokenizer
from pipeline.replay.generate import Sampling, draw_samples
from pipeline.replay.tokenizer import END_OF_TEXT, TextEncoder, load_tokenizer
from pipeline.store import Store
from schemas.domain import DOMAINS
from schemas.finetune_inputs import FreshDecoder
from schemas.mixture import Component, Mixture
from tests.benchmarks.hidden_mixtures import Sides, english, hidden_shares
from tests.benchmarks.tokenizer_mixture import categories_of
from tests.conftest import CORPORA

NUM_MODELS = 6
CONTEXT = 128  # the first token included
PASSAGE_CHARACTERS, MIN_CHARACTERS = 1_200, 150
NUM_DOCUMENTS = 20_000
NUM_STEPS, BATCH_SIZE = 1_200, 32
HIDDEN_RATE, OTHER_RATE = 0.02, 4e-3
VOCABULARY_SIZE = 1_024
NUM_SAMPLES = 3_000
SAMPLE_CHARACTERS = 8_000_000
SEED = 1


def main(corpora: Path, num_models: int = NUM_MODELS, folder: Path | None = None) -> None:
    """Print the table; models that are in `folder` already are not trained again."""
    sides = english(corpora)
    categories = categories_of(sides, SAMPLE_CHARACTERS)
    with tempfile.TemporaryDirectory() as place:
        home = folder or Path(place)
        for number, shares in enumerate(hidden_shares(len(sides), 8, SEED)[:num_models]):
            model = home / f"lm{number}"
            if not (model / "truth.json").is_file():
                train_model(sides, shares, number, model)
            print_overlaps(model, categories, Store(home / "store"))


def train_model(sides: Mapping[str, Sides], shares: np.ndarray, seed: int, folder: Path) -> None:
    """Write a decoder trained on passages in these shares, and the shares it got."""
    generator = np.random.default_rng(seed)
    kinds = generator.choice(len(sides), size=NUM_DOCUMENTS, p=shares)
    supply = [passages(each.training) for each in sides.values()]
    used = [0] * len(sides)
    texts = []
    for kind in kinds:
        texts.append(supply[kind][used[kind] % len(supply[kind])])
        used[kind] += 1
    encoder = _train_tokenizer(texts)
    ids = [encoding.ids for encoding in encoder.tokenizer.encode_batch(texts)]
    is_long = np.array([len(each) >= CONTEXT - 1 for each in ids])
    rows = np.array(
        [[encoder.end, *each[: CONTEXT - 1]] for each in ids if len(each) >= CONTEXT - 1]
    )
    model = new_decoder(FreshDecoder(), encoder, CONTEXT, seed)
    _train(model, rows, generator)
    folder.mkdir(parents=True, exist_ok=True)
    save_decoder(model, folder)
    save_tokenizer(encoder, folder)
    truth = np.bincount(kinds[is_long], minlength=len(sides)) / is_long.sum()
    (folder / "truth.json").write_text(json.dumps(dict(zip(sides, truth, strict=True))))


def passages(texts: Sequence[str]) -> list[str]:
    """Return the pieces of texts that are documents here, in a shuffled order."""
    size = PASSAGE_CHARACTERS
    cut = [text[start : start + size] for text in texts for start in range(0, len(text), size)]
    found = [passage for passage in cut if len(passage) > MIN_CHARACTERS]
    random.Random(0).shuffle(found)
    return found


def _train_tokenizer(texts: Sequence[str]) -> TextEncoder:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        show_progress=False,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(texts[:4_000], trainer)
    return TextEncoder(tokenizer, tokenizer.token_to_id(END_OF_TEXT))


def _train(model: torch.nn.Module, rows: np.ndarray, generator: np.random.Generator) -> None:
    """Train with Muon and AdamW (embeddings, norms), a short warm-up and a straight fall to 0.

    Each row begins a document. Muon brings so small a model in so few steps a good deal further,
    and what it writes is then nearer to what it read.
    """
    model.train()
    named = dict(model.named_parameters())
    hidden = [each for name, each in named.items() if each.ndim == 2 and "embed" not in name]
    others = [each for name, each in named.items() if each.ndim != 2 or "embed" in name]
    optimizers = [
        torch.optim.Muon(hidden, lr=HIDDEN_RATE, weight_decay=0.0, momentum=0.95),
        torch.optim.AdamW(others, lr=OTHER_RATE, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    peaks = [optimizer.param_groups[0]["lr"] for optimizer in optimizers]
    for step in range(NUM_STEPS):
        factor = min(1, (step + 1) / 30) * (1 - step / NUM_STEPS)
        for optimizer, peak in zip(optimizers, peaks, strict=True):
            optimizer.param_groups[0]["lr"] = peak * factor
            optimizer.zero_grad()
        batch = torch.from_numpy(rows[generator.integers(0, len(rows), BATCH_SIZE)])
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(input_ids=batch).logits[:, :-1]
        targets = batch[:, 1:].flatten()
        torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()


def print_overlaps(model: Path, categories: Sequence[Category], store: Store) -> None:
    """Print what is estimated of one model, and how near that and simpler guesses are."""
    truth = json.loads((model / "truth.json").read_text())
    settings = Sampling(NUM_SAMPLES, CONTEXT - 1, 256, 0)
    files = draw_samples(model, settings, store, lambda line: None)
    encoder = load_tokenizer(model)
    with tempfile.TemporaryDirectory() as place:
        found = estimate_model(
            files, NUM_SAMPLES, categories, encoder.tokenizer, Path(place), seed=0
        )
    true = np.array([truth[name] for name in found.shares.categories])
    print(f"{model.name}: truth {_shown(true)}")
    print(f"  estimate {_shown(found.shares.shares)}, overlap {overlap(found.shares.shares, true)}")
    print(
        f"  counted {_shown(found.shares.counted)}, overlap {overlap(found.shares.counted, true)}"
    )
    held = (found.shares.low <= true) & (true <= found.shares.high)
    print(f"  90 % intervals hold {held.sum()} of {len(held)}")
    wrong = {"uniform": np.full(len(true), 1 / len(true)), "shares the other way round": true[::-1]}
    for name, prior in {"right": true, **wrong}.items():
        with_prior = combined(found, prior)
        print(
            f"  prior {name}: overlap {overlap(prior, true)}, combined {overlap(with_prior, true)}"
        )


def combined(found: Estimated, prior: np.ndarray) -> np.ndarray:
    """Return the estimate combined with a published mixture of these shares."""
    domains = list(DOMAINS)[: len(prior)]  # which is which makes no difference
    shares = found.shares
    estimate = _mixture("estimate", domains, shares.shares, shares.low, shares.high)
    made = combine([estimate], _mixture("prior", domains, prior), 20)
    by_domain = {component.domain: component.proportion for component in made.components}
    return np.array([by_domain[domain] for domain in domains])


def _mixture(
    name: str, domains: Sequence[str], shares: np.ndarray, *interval: np.ndarray
) -> Mixture:
    components = tuple(
        Component(
            name=domain,
            domain=domain,
            proportion=float(share),
            low=float(interval[0][place]) if interval else None,
            high=float(interval[1][place]) if interval else None,
        )
        for place, (domain, share) in enumerate(zip(domains, shares, strict=True))
    )
    return Mixture(name=name, title=name, source=name, mark="estimated", components=components)


def overlap(shares: np.ndarray, truth: np.ndarray) -> str:
    """Return 1 - total variation, to three figures."""
    return f"{1 - np.abs(shares - truth).sum() / 2:.3f}"


def _shown(shares: np.ndarray) -> str:
    return " ".join(f"{100 * share:.1f}" for share in shares)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=NUM_MODELS)
    parser.add_argument("--folder", type=Path, help="where models and samples are kept")
    given = parser.parse_args()
    main(CORPORA, given.models, given.folder)
