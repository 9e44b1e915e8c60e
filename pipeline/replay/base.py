"""The base model: a fresh decoder pre-trained on the original half, or one that comes trained.

Writes the fresh base's folder into the store (stage `base-model`) and reads it from there. Always
true: the base is the same whatever arms and seeds follow, and is trained once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.errors import InputError
from pipeline.fingerprint import derive_seed, file_sha256, fingerprint
from pipeline.replay.batch import make_batch
from pipeline.replay.build import Document
from pipeline.replay.data import pack_corpus
from pipeline.replay.decoder import (
    new_decoder,
    save_decoder,
    save_tokenizer,
)
from pipeline.replay.schedule import plan_mixture
from pipeline.replay.tokenizer import load_tokenizer, read_model_config, train_tokenizer
from pipeline.replay.training import train
from pipeline.replay.versions import training_versions
from pipeline.store import Store
from schemas.finetune_inputs import FreshDecoder

BASE_VERSION = 3  # raise it when the same inputs give another base
NUM_REPORTS = 4  # lines of progress while pre-training
MODEL_FILES = ("config.json", "tokenizer.json", "*.safetensors")


@dataclass(frozen=True)
class BaseModel:
    """A model's folder, its identity, and facts for the manifest."""

    folder: Path
    identity: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class Pretraining:
    """All that a fresh base is made from."""

    decoder: FreshDecoder
    documents: Sequence[Document]  # the original half
    shares: dict[str, float]  # of tokens, by domain
    context: int
    threads: int
    identity: str  # of the documents: the build's digest, and the task's documents left out


def check_pretrained(folder: Path, context: int, facts: dict[str, Any]) -> BaseModel:
    """Check a model's folder without loading its weights; raise InputError where it is unfit.

    `facts`: where it is from, for the manifest.
    """
    load_tokenizer(folder)
    max_context = read_model_config(folder).get("max_position_embeddings")
    if isinstance(max_context, int) and context > max_context:
        raise InputError(f"context: {context} is more than the {max_context} of {folder}; lower it")
    files = sorted(path for pattern in MODEL_FILES for path in folder.glob(pattern))
    if not any(path.suffix == ".safetensors" for path in files):
        raise InputError(f"{folder}: no .safetensors file; convert the weights to safetensors")
    digests = [(path.name, file_sha256(path)) for path in files]
    return BaseModel(folder, fingerprint("pretrained", digests), facts)


def pretrain(job: Pretraining, store: Store, progress: Callable[[str], None]) -> BaseModel:
    """Return the fresh base, trained now or found in the store."""

    def write(folder: Path) -> dict[str, Any]:
        return _write_base(job, folder, progress)

    identity = fingerprint(
        BASE_VERSION,
        (job.decoder, job.identity, job.shares),
        (job.context, job.threads, training_versions()),
    )
    entry = store.obtain("base-model", identity, write)
    return BaseModel(entry.path, identity, entry.info)


def _write_base(job: Pretraining, folder: Path, progress: Callable[[str], None]) -> dict[str, Any]:
    if not job.documents:
        raise InputError("the build is too small to pre-train a base on half of it; build more")
    encoder = train_tokenizer(job.documents, job.decoder.vocabulary_size)
    corpus = pack_corpus(job.documents, job.shares, encoder, job.context)
    model = new_decoder(job.decoder, encoder, job.context, derive_seed(0, "base-weights"))
    num_steps, batch_size = job.decoder.steps, job.decoder.batch_size
    plan = plan_mixture(derive_seed(0, "base-data"), corpus.pool, num_steps, batch_size)
    batches = (make_batch(corpus.packed.select(rows)) for rows in plan)
    for step in train(model, batches, num_steps, job.decoder.learning_rate, "base"):
        if step.step % max(1, num_steps // NUM_REPORTS) == 0:
            loss = step.anchor_nats / step.num_anchor_tokens
            progress(f"base step {step.step}/{num_steps}: training loss {loss:.3f} nats per token")
    save_decoder(model, folder)
    save_tokenizer(encoder, folder)
    num_tokens, num_available = corpus.pool.num_scored[plan].sum(), corpus.pool.num_scored.sum()
    return {
        "kind": "fresh",
        "num_pretraining_steps": num_steps,
        "num_pretraining_tokens": int(num_tokens),
        "num_pretraining_epochs": float(num_tokens / num_available),
        "pretraining_shares": corpus.pool.shares,
    }


def model_facts(folder: Path) -> dict[str, Any]:
    """Return the size and kind of a model, for the manifest, without its weights."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    with torch.device("meta"):
        auto: Any = AutoModelForCausalLM
        model = auto.from_config(config, trust_remote_code=False)
    return {
        "architecture": type(model).__name__,
        "num_parameters": sum(parameter.numel() for parameter in model.parameters()),
        "vocabulary_size": config.get_text_config().vocab_size,
    }
