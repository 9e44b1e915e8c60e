"""The decoder: made, loaded and saved through transformers.

Reads and writes model folders (config.json, model.safetensors, tokenizer.json). Always true:
weights come from safetensors alone, no code in a model's folder is run and nothing is downloaded.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import (
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from pipeline.errors import InputError
from pipeline.replay.attention import prepare_attention
from pipeline.replay.task.template import TEMPLATE_FILE
from pipeline.replay.tokenizer import END_OF_TEXT, TOKENIZER_FILE, TextEncoder
from schemas.finetune_inputs import FreshDecoder

NUM_MLP_UNITS = 8 / 3  # per hidden unit: a gated MLP with as many weights as one of 4 (Llama)
ROUNDING = 32
TOKENIZER_FILES = (
    TOKENIZER_FILE, "tokenizer_config.json", "special_tokens_map.json", TEMPLATE_FILE,
)  # fmt: skip
MAX_NAMED = 5  # weights in a message


@contextlib.contextmanager
def reproducible(threads: int) -> Iterator[None]:
    """Run torch with deterministic algorithms and a fixed number of threads; restore after."""
    # cuBLAS reads it when it is first used; without it some products differ from run to run.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    memory: Any = torch.utils.deterministic
    fills = memory.fill_uninitialized_memory
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # Nothing here reads memory before it is written, and filling it costs a twentieth of a step.
    memory.fill_uninitialized_memory = False
    try:
        with torch.random.fork_rng(devices=[]), _quiet():
            yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        memory.fill_uninitialized_memory = fills


def num_threads(wanted: int | None) -> int:
    """Return the threads to run on: as wanted, or one a core, which ranks share."""
    num_here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # of torchrun
    return wanted or max(1, (os.cpu_count() or 1) // num_here)


def new_decoder(
    base: FreshDecoder, encoder: TextEncoder, context: int, seed: int
) -> LlamaForCausalLM:
    """Return a Llama-shaped decoder with random weights that depend on `seed` alone."""
    units = int(NUM_MLP_UNITS * base.hidden_size)
    config = LlamaConfig(
        vocab_size=encoder.vocabulary_size,
        hidden_size=base.hidden_size,
        intermediate_size=-(-units // ROUNDING) * ROUNDING,
        num_hidden_layers=base.num_layers,
        num_attention_heads=base.num_heads,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=encoder.end,
    )
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config)
    prepare_attention(model, "dense")
    return model


def load_decoder(
    folder: Path,
    quantization: BitsAndBytesConfig | None = None,
    dtype: torch.dtype = torch.float32,
) -> PreTrainedModel:
    """Load a causal language model, its weights in `dtype` or quantised.

    What a model computes of its own, such as the frequencies of rotary positions, stays in 32 bits.
    Raises InputError where it cannot be loaded, or where its folder lacks weights.
    """
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=dtype,
            quantization_config=quantization,
            output_loading_info=True,
        )
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # of many kinds: files cut or foreign, shapes, unknown settings
        raise InputError(
            f"{folder}: cannot be loaded as a causal language model: {error}"
        ) from error
    model: PreTrainedModel = loaded[0]
    found: dict[str, Any] = loaded[1]
    if found["missing_keys"]:
        missing = ", ".join(sorted(found["missing_keys"])[:MAX_NAMED])
        raise InputError(f"{folder}: weights are missing ({missing}); fetch the whole model again")
    return model


def save_decoder(
    model: PreTrainedModel, folder: Path, weights: dict[str, torch.Tensor] | None = None
) -> None:
    """Write config.json and model.safetensors; `weights` in place of the model's own, if given."""
    model.save_pretrained(folder, state_dict=weights)


def save_tokenizer(encoder: TextEncoder, folder: Path) -> None:
    """Write tokenizer.json, and the file that makes transformers read it as it is."""
    encoder.tokenizer.save(str(folder / TOKENIZER_FILE))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END_OF_TEXT}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def copy_tokenizer(source: Path, target: Path, template: Path | None = None) -> None:
    """Copy the tokenizer's files from one model folder to another.

    `template`: the chat template that was trained on, if it is not the folder's own.
    """
    for name in TOKENIZER_FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
    if template is not None:
        shutil.copyfile(template, target / TEMPLATE_FILE)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' progress bars off the terminal: progress is reported by us."""
    shown = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            transformers.utils.logging.enable_progress_bar()  # type: ignore[no-untyped-call]
