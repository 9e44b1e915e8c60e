"""Text to token ids, and how many bytes of text each token stands for.

Reads tokenizer.json and config.json of a model's folder, or trains a byte-level BPE on documents.
Always true: text that spells out a special token is encoded as ordinary text, so no document can
end itself early; every document ends with the end token.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from pipeline.errors import InputError
from pipeline.replay.build import Document
from pipeline.replay.packing import Tokenized
from pipeline.replay.split import hash_rank
from pipeline.replay.task.examples import Chat, Example

END_OF_TEXT = "<|endoftext|>"
TOKENIZER_FILE = "tokenizer.json"
MAX_TRAINING_BYTES = 4_000_000  # enough for small vocabularies, and read in seconds


@dataclass(frozen=True)
class TextEncoder:
    """A tokenizer with the id of its end token, and of what a document begins with."""

    tokenizer: Tokenizer
    end: int
    begin: tuple[int, ...] = ()  # what the tokenizer itself puts before a text

    def encode_documents(self, documents: Sequence[Document]) -> list[Tokenized]:
        """Return each document's tokens and an end token, all scored."""
        encoded = []
        for ids in self._encode([document.text for document in documents]):
            tokens = np.array([*self.begin, *ids, self.end], np.int64)
            encoded.append(Tokenized(tokens, np.arange(len(tokens)) >= len(self.begin)))
        return encoded

    def encode_examples(self, examples: Sequence[Example | Chat]) -> list[Tokenized]:
        """Return the tokens of each example; what comes before an answer is not scored.

        A prompt's completion ends with the end token; a chat ends as its template has it.
        """
        pairs = [example for example in examples if isinstance(example, Example)]
        chats = [example for example in examples if isinstance(example, Chat)]
        encoded = {**self._encode_pairs(pairs), **self._encode_chats(chats)}
        return [encoded[id(example)] for example in examples]

    def _encode_pairs(self, examples: Sequence[Example]) -> dict[int, Tokenized]:
        prompts = self._encode([example.prompt for example in examples])
        completions = self._encode([example.completion for example in examples])
        found = {}
        for example, prompt, completion in zip(examples, prompts, completions, strict=True):
            before = [*self.begin, *prompt]
            tokens = np.array([*before, *completion, self.end], np.int64)
            found[id(example)] = Tokenized(tokens, np.arange(len(tokens)) >= len(before))
        return found

    def _encode_chats(self, chats: Sequence[Chat]) -> dict[int, Tokenized]:
        """Return the tokens of chats: scored are those that begin within an answer."""
        self.tokenizer.encode_special_tokens = False  # the template's own; messages have none
        try:
            texts = [chat.text for chat in chats]
            encodings = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        finally:
            self.tokenizer.encode_special_tokens = True
        found = {}
        for chat, encoding in zip(chats, encodings, strict=True):
            starts = np.array([start for start, _ in encoding.offsets], np.int64)
            scored = np.zeros(len(starts), np.bool_)
            for low, high in chat.answers:
                scored |= (low <= starts) & (starts < high)
            found[id(chat)] = Tokenized(np.array(encoding.ids, np.int64), scored)
        return found

    def special_tokens(self) -> frozenset[str]:
        """Return the tokens that mean more than the text they are spelled as."""
        state = json.loads(self.tokenizer.to_str())
        return frozenset(token["content"] for token in state["added_tokens"] if token["special"])

    def token_bytes(self) -> npt.NDArray[np.int64]:
        """Return the bytes of text that each token stands for, [vocabulary]; special tokens: 0.

        Exact for byte-level BPE, whose tokens spell one character a byte, and for SentencePiece's
        spaces and byte tokens.
        """
        state = json.loads(self.tokenizer.to_str())
        is_byte_level = '"ByteLevel"' in json.dumps(state["decoder"])
        special = {token["id"] for token in state["added_tokens"] if token["special"]}
        num_bytes = np.zeros(self.vocabulary_size, np.int64)
        for token, index in self.tokenizer.get_vocab(with_added_tokens=True).items():
            if index not in special:
                num_bytes[index] = len(token) if is_byte_level else _spelled_bytes(token)
        return num_bytes

    @property
    def vocabulary_size(self) -> int:
        """One more than the largest token id."""
        return 1 + max(self.tokenizer.get_vocab(with_added_tokens=True).values())

    def _encode(self, texts: list[str]) -> list[list[int]]:
        encodings = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        return [encoding.ids for encoding in encodings]


def _spelled_bytes(token: str) -> int:
    if len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
        return 1
    return len(token.replace("▁", " ").encode())


def train_tokenizer(documents: Iterable[Document], vocabulary_size: int) -> TextEncoder:
    """Train a byte-level BPE on documents in hashed order, up to a few megabytes of text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_training_text(documents), trainer)
    return _encoder(tokenizer, end=0)  # special tokens come first


def _training_text(documents: Iterable[Document]) -> Iterator[str]:
    num_bytes = 0
    for document in sorted(documents, key=lambda document: hash_rank("bpe", document.id)):
        if num_bytes >= MAX_TRAINING_BYTES:
            return
        yield document.text
        num_bytes += len(document.text.encode())


def load_tokenizer(folder: Path) -> TextEncoder:
    """Read a model folder's tokenizer; the end token is the one its config.json names.

    Raises InputError where either file is missing or unfit, or the tokenizer has more tokens than
    the model has embeddings.
    """
    config = read_model_config(folder)
    path = folder / TOKENIZER_FILE
    try:
        tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; the model's folder must hold it") from None
    except Exception as error:  # the library raises no narrower class
        raise InputError(f"{path}: not a tokenizer: {error}") from error
    end = config.get("eos_token_id")
    end = end[0] if isinstance(end, list) and end else end
    if not isinstance(end, int):
        raise InputError(f"{folder / 'config.json'}: names no eos_token_id; add it")
    encoder = _encoder(tokenizer, end)
    num_embeddings = config.get("vocab_size", 0)
    if max(encoder.vocabulary_size, end + 1) > num_embeddings:
        raise InputError(
            f"{path}: token ids reach {max(encoder.vocabulary_size - 1, end)}, but the model has "
            f"only {num_embeddings} embeddings; the folder mixes two models"
        )
    return encoder


def _encoder(tokenizer: Tokenizer, end: int) -> TextEncoder:
    tokenizer.encode_special_tokens = True  # as ordinary text: see the module's docstring
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return TextEncoder(tokenizer, end, _beginning(tokenizer))


def _beginning(tokenizer: Tokenizer) -> tuple[int, ...]:
    """Return the tokens that the tokenizer's own rules put before a text, as models expect it."""
    plain = tokenizer.encode("a", add_special_tokens=False).ids
    whole = tokenizer.encode("a", add_special_tokens=True).ids
    places = [n for n in range(len(whole)) if whole[n : n + len(plain)] == plain]
    return tuple(whole[: places[0]]) if places else ()


def read_model_config(folder: Path) -> dict[str, Any]:
    """Return a model folder's config.json; raise InputError where there is none that is fit."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; base.path must name a model's folder") from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from error
    if not isinstance(config, dict):
        raise InputError(f"{path}: not a model's configuration: expected a JSON object")
    return config
