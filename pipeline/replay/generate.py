"""Texts drawn from a causal language model, as its own view of what it was trained on.

Reads a model's folder; writes parts of the samples into the store (stage `model-samples`): tokens,
text, and whether the model ended the text itself. Sampling is plain: from the token that begins a
document, at temperature 1, from the whole distribution, for anything narrower favours the domains
that are usual anyway. Always true: a part depends on the model, the settings and its number alone,
so what was drawn before a kill is not drawn again.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers import PreTrainedModel

from pipeline.errors import InputError
from pipeline.fingerprint import derive_seed, fingerprint
from pipeline.replay.base import check_pretrained
from pipeline.replay.decoder import load_decoder, num_threads, reproducible
from pipeline.replay.tokenizer import TextEncoder, load_tokenizer, read_model_config
from pipeline.replay.versions import training_versions
from pipeline.store import Store

VERSION = 2  # raise it when the same model and settings give other samples
STAGE = "model-samples"
SAMPLES_FILE = "samples.parquet"
PART_SAMPLES = 512
SAMPLE = pa.schema(
    [
        pa.field("tokens", pa.list_(pa.int32()), nullable=False),  # without the first and the end
        pa.field("text", pa.string(), nullable=False),
        pa.field("is_finished", pa.bool_(), nullable=False),  # the model ended it itself
    ]
)


@dataclass(frozen=True)
class Sampling:
    """How many samples, and how long at most, in tokens."""

    num_samples: int
    max_tokens: int
    batch_size: int
    seed: int


def draw_samples(
    folder: Path, settings: Sampling, store: Store, progress: Callable[[str], None]
) -> list[Path]:
    """Return the files of samples of the model in `folder`, drawn now or found in the store.

    Raises InputError where the folder holds no model that can be loaded, or one whose logits are
    not numbers.
    """
    identity = check_pretrained(folder, 1, {})
    encoder, config = load_tokenizer(folder), read_model_config(folder)
    _check_length(config, settings, folder)
    begin = config.get("bos_token_id")
    first = begin if isinstance(begin, int) else encoder.end
    drawer = _Drawer(folder, encoder, first, settings)
    paths = []
    num_parts = -(-settings.num_samples // PART_SAMPLES)
    shared = {name: value for name, value in asdict(settings).items() if name != "num_samples"}
    for part in range(num_parts):
        key = fingerprint(VERSION, identity.identity, first, shared, training_versions(), part)
        entry = store.obtain(STAGE, key, partial(drawer.write, part=part))
        paths.append(entry.file(SAMPLES_FILE))
        progress(f"samples {min((part + 1) * PART_SAMPLES, settings.num_samples):,}")
    return paths


def _check_length(config: dict[str, Any], settings: Sampling, folder: Path) -> None:
    longest = config.get("max_position_embeddings")
    if isinstance(longest, int) and settings.max_tokens >= longest:
        raise InputError(
            f"{folder}: has room for {longest:,} tokens, the first included; ask for fewer than "
            f"{settings.max_tokens:,}"
        )


class _Drawer:
    """Writes parts; loads the model when the first is drawn."""

    def __init__(self, folder: Path, encoder: TextEncoder, first: int, settings: Sampling) -> None:
        self._folder, self._encoder, self._first, self._settings = folder, encoder, first, settings
        self._model: PreTrainedModel | None = None

    def write(self, place: Path, part: int) -> dict[str, Any]:
        """Write one part of the samples."""
        rows: list[npt.NDArray[np.int64]] = []
        with reproducible(num_threads(None)):
            if self._model is None:
                self._model = _load(self._folder)
            for start in range(0, PART_SAMPLES, self._settings.batch_size):
                count = min(self._settings.batch_size, PART_SAMPLES - start)
                numbers = part * PART_SAMPLES + start + np.arange(count)
                rows += self._draw(self._model, numbers)
        pq.write_table(self._table(rows), place / SAMPLES_FILE)
        return {"num_samples": len(rows)}

    def _draw(
        self, model: PreTrainedModel, numbers: npt.NDArray[np.int64]
    ) -> Iterator[npt.NDArray[np.int64]]:
        seed = derive_seed(self._settings.seed, STAGE)
        chances = np.array(
            [np.random.default_rng([seed, n]).random(self._settings.max_tokens) for n in numbers]
        )
        first = np.full((len(numbers), 1), self._first, np.int64)
        yield from sample_tokens(model, first, chances, self._encoder.end, self._folder)

    def _table(self, rows: list[npt.NDArray[np.int64]]) -> pa.Table:
        ends = [len(row) > 0 and row[-1] == self._encoder.end for row in rows]
        tokens = [row[: len(row) - end].tolist() for row, end in zip(rows, ends, strict=True)]
        texts = self._encoder.tokenizer.decode_batch(tokens)
        return pa.table({"tokens": tokens, "text": texts, "is_finished": ends}, schema=SAMPLE)


def _load(folder: Path) -> PreTrainedModel:
    """Return the model, on a GPU in bfloat16 where there is one."""
    has_gpu = torch.cuda.is_available()
    model = load_decoder(folder, dtype=torch.bfloat16 if has_gpu else torch.float32)
    model.eval()  # type: ignore[no-untyped-call]
    if has_gpu:
        model.to("cuda")  # type: ignore[arg-type]
    return model


@torch.inference_mode()
def sample_tokens(
    model: PreTrainedModel,
    prompts: npt.NDArray[np.int64],
    chances: npt.NDArray[np.float64],
    end: int,
    folder: Path,
) -> list[npt.NDArray[np.int64]]:
    """Return what the model writes after each prompt, up to its end token, which is included.

    `prompts`: shape (samples, tokens); `chances`: uniform in [0, 1), shape (samples, new tokens):
    each picks a token by the cumulative distribution. Raises InputError where logits are none.
    """
    device = next(model.parameters()).device
    current = torch.from_numpy(prompts).to(device)
    draws = torch.from_numpy(chances).to(device)
    is_open = torch.ones(len(prompts), dtype=torch.bool, device=device)
    cache: Any = None
    written = []
    for step in range(chances.shape[1]):
        output = model(input_ids=current, past_key_values=cache, use_cache=True)
        cache, logits = output.past_key_values, output.logits[:, -1].double()
        if not torch.isfinite(logits).all():
            raise InputError(
                f"{folder}: the model's logits are not numbers; its weights are damaged"
            )
        below = torch.softmax(logits, dim=-1).cumsum(dim=-1)
        wanted = draws[:, step : step + 1] * below[:, -1:]
        current = torch.searchsorted(below, wanted, right=True).clamp_(max=below.shape[1] - 1)
        written.append(torch.where(is_open[:, None], current, end))
        is_open &= current[:, 0] != end
        if not is_open.any():
            break
    tokens = torch.cat(written, dim=1).cpu().numpy()
    lengths = np.where(
        (tokens == end).any(axis=1), (tokens == end).argmax(axis=1) + 1, tokens.shape[1]
    )
    return [row[:length] for row, length in zip(tokens, lengths, strict=True)]
