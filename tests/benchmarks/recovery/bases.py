"""The base models: one tokenizer, and decoders that read the base's documents once, but for one.

Writes HOME/tokenizer/ and HOME/bases/N/: model, tokenizer, and base.json with what it read. Bases
differ in their first weights and in the order of what they read.
"""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipeline.replay.batch import make_batch
from pipeline.replay.data import Corpus, by_domain
from pipeline.replay.decoder import (
    copy_tokenizer,
    new_decoder,
    reproducible,
    save_decoder,
    save_tokenizer,
)
from pipeline.replay.packing import Tokenized, concatenate, pack
from pipeline.replay.schedule import Pool, feasible_shares, plan_mixture
from pipeline.replay.tokenizer import TextEncoder, load_tokenizer, train_tokenizer
from pipeline.replay.training import train
from schemas.finetune_inputs import FreshDecoder
from tests.benchmarks.recovery.parts import base_documents
from tests.benchmarks.recovery.protocol import SETTINGS, Size


def write_tokenizer(size: Size, home: Path) -> None:
    """Train the tokenizer on what the base reads, unless it is there."""
    folder = home / "tokenizer"
    if (folder / "config.json").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    encoder = train_tokenizer(base_documents(home, size), size.vocabulary_size)
    save_tokenizer(encoder, folder)
    config = {"eos_token_id": encoder.end, "vocab_size": encoder.vocabulary_size}
    (folder / "config.json").write_text(json.dumps(config))


def base_corpus(size: Size, home: Path, encoder: TextEncoder, base: int = 0) -> Corpus:
    """Return a base's documents, packed by domain; domains have the shares that they come to.

    Every second piece of a document begins with the end token, so that the base knows how to go on
    from it alone: that is what samples are drawn from.
    """
    parts = {}
    for domain, documents in by_domain(base_documents(home, size, base)).items():
        encoded = encoder.encode_documents(documents)
        pieces = [piece for each in encoded for piece in _pieces(each, size.context, encoder.end)]
        parts[domain] = pack(pieces, size.context, encoder.end)
    counts = {domain: int(part.num_scored().sum()) for domain, part in parts.items()}
    packed = concatenate(list(parts.values()))
    domains = tuple(domain for domain, part in parts.items() for _ in range(len(part)))
    return Corpus(packed, Pool(packed.num_scored(), domains, feasible_shares(counts, counts)))


def _pieces(document: Tokenized, context: int, end: int) -> Iterator[Tokenized]:
    tokens, is_marked = document.tokens, True
    while len(tokens):
        first = np.array([end] if is_marked else [], np.int64)
        piece = np.concatenate([first, tokens[: context - len(first)]])
        yield Tokenized(piece, np.arange(len(piece)) > 0)
        tokens, is_marked = tokens[context - len(first) :], not is_marked


def write_base(size: Size, home: Path, number: int) -> None:
    """Train a base on its epochs, unless it is there."""
    folder = home / "bases" / str(number)
    if (folder / "base.json").is_file():
        return
    scratch = folder.with_name(f".{number}")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    encoder = load_tokenizer(home / "tokenizer")
    corpus = base_corpus(size, home, encoder, number)
    shape = FreshDecoder(
        vocabulary_size=size.vocabulary_size,
        hidden_size=size.hidden_size,
        num_layers=size.num_layers,
        num_heads=size.num_heads,
    )
    num_steps = size.epochs(number) * len(corpus.packed) // size.base_batch
    started = time.process_time()
    with reproducible(1):
        model = new_decoder(shape, encoder, size.context, seed=number)
        plan = plan_mixture(number, corpus.pool, num_steps, size.base_batch)
        batches = (make_batch(corpus.packed.select(rows)) for rows in plan)
        curve = [
            step.anchor_nats / step.num_anchor_tokens
            for step in train(model, batches, num_steps, size.base_rate, f"base {number}", SETTINGS)
        ]
        save_decoder(model, scratch)
    copy_tokenizer(home / "tokenizer", scratch)
    facts = {
        "num_steps": num_steps,
        "num_tokens": int(corpus.pool.num_scored.sum()),
        "num_parameters": sum(each.numel() for each in model.parameters()),
        "shares": corpus.pool.shares,
        "last_losses": curve[-20:],
        "core_seconds": time.process_time() - started,
    }
    (scratch / "base.json").write_text(json.dumps(facts, indent=2))
    scratch.rename(folder)
