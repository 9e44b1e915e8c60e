"""Text to token ids, and how many bytes of text each token stands for.

Reads tokenizer.json and config.json of a model's folder, or trains a byte-level BPE on documents.
Always true: text that spells out a special token is encoded as ordinary text, so no document can
end itself early; every document ends with the end token; no id lies beyond a model's embeddings.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Encoding, Tokenizer, decoders, models, pre_tokenizers, trainers

from pipeline.errors import InputError
from pipeline.replay.build import Document
from pipeline.replay.packing import Ints, Tokenized
from pipeline.replay.split import hash_rank
from pipeline.replay.task.examples import Chat, Example

END_OF_TEXT = "<|endoftext|>"
TOKENIZER_FILE = "tokenizer.json"
MAX_TRAINING_BYTES = 4_000_000  # enough for small vocabularies, and read in seconds
CHUNK_TEXTS, CHUNK_CHARACTERS = 1_000, 4_000_000  # at a time: an Encoding takes 145 bytes a token


@dataclass(frozen=True)
class TextEncoder:
    """A tokenizer with the id of its end token, and of what a document begins with."""

    tokenizer: Tokenizer
    end: int
    begin: tuple[int, ...] = ()  # what the tokenizer itself puts before a text
    num_embeddings: int | None = None  # of the model that reads the tokens, where there is one

    def encode_documents(self, documents: Sequence[Document]) -> list[Tokenized]:
        """Return each document's tokens and an end token, all scored."""
        encoded = []
        for ids in self._encode([document.text for document in documents]):
            tokens = _joined(self.begin, ids, [self.end])
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
            num_before = len(self.begin) + len(prompt)
            tokens = _joined(self.begin, prompt, completion, [self.end])
            found[id(example)] = Tokenized(tokens, np.arange(len(tokens)) >= num_before)
        return found

    def _encode_chats(self, chats: Sequence[Chat]) -> dict[int, Tokenized]:
        """Return the tokens of chats: scored are those that begin within an answer."""
        self.tokenizer.encode_special_tokens = False  # the template's own; messages have none
        try:
            encodings = self._encodings([chat.text for chat in chats])
            pairs = zip(chats, encodings, strict=True)
            return {id(chat): self._scored(chat, encoding) for chat, encoding in pairs}
        finally:
            self.tokenizer.encode_special_tokens = True

    def _scored(self, chat: Chat, encoding: Encoding) -> Tokenized:
        starts = np.array([start for start, _ in encoding.offsets], np.int64)
        scored = np.zeros(len(starts), np.bool_)
        for low, high in chat.answers:
            scored |= (low <= starts) & (starts < high)
        return Tokenized(self._ids(encoding), scored)

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

    def _encode(self, texts: Sequence[str]) -> Iterator[Ints]:
        return map(self._ids, self._encodings(texts))

    def _encodings(self, texts: Sequence[str]) -> Iterator[Encoding]:
        """Yield the encodings of texts; those of one chunk are in memory."""
        for chunk in _chunks(texts):
            yield from self.tokenizer.encode_batch(chunk, add_special_tokens=False)

    def _ids(self, encoding: Encoding) -> Ints:
        """Return the ids; raise InputError where the model has no embedding for one."""
        ids = np.array(encoding.ids, np.int64)
        largest = int(ids.max(initial=0))
        if self.num_embeddings is not None and largest >= self.num_embeddings:
            raise InputError(
                f"the tokenizer's token {self.tokenizer.id_to_token(largest)} has id {largest}, "
                f"but the model has only {self.num_embeddings} embeddings; use text and a chat "
                "template that do not spell it"
            )
        return ids


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    size = 0
    for text in texts:
        chunk.append(text)
        size += len(text)
        if len(chunk) == CHUNK_TEXTS or size >= CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    yield chunk


def _joined(*parts: Sequence[int] | Ints) -> Ints:
    return np.concatenate([np.asarray(part, np.int64) for part in parts])


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

    Raises InputError where either file is missing or unfit, or where text can give a token that the
    model has no embedding for. Special tokens may lie beyond: text never gives them.
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
    num_embeddings = config.get("vocab_size")
    if not isinstance(num_embeddings, int):
        raise InputError(f"{folder / 'config.json'}: names no vocab_size; add it")
    encoder = _encoder(tokenizer, end, num_embeddings)
    largest = max(end, *encoder.begin, _largest_ordinary(tokenizer))
    if largest >= num_embeddings:
        raise InputError(
            f"{path}: token ids reach {largest}, but the model has only {num_embeddings} "
            "embeddings; the folder mixes two models"
        )
    return encoder


def _largest_ordinary(tokenizer: Tokenizer) -> int:
    """Return the largest id of a token that is not special."""
    added = tokenizer.get_added_tokens_decoder()
    special = {index for index, token in added.items() if token.special}
    return max(set(tokenizer.get_vocab(with_added_tokens=True).values()) - special, default=0)


def _encoder(tokenizer: Tokenizer, end: int, num_embeddings: int | None = None) -> TextEncoder:
    tokenizer.encode_special_tokens = True  # as ordinary text: see the module's docstring
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return TextEncoder(tokenizer, end, _beginning(tokenizer), num_embeddings)


def _beginning(tokenizer: Tokenizer) -> tuple[int, ...]:
    """Return the tokens that the tokenizer's own rules put before a text, as models expect it."""
    plain = tokenizer.encode("a", add_special_tokens=False).ids
    whole = tokenizer.encode("a", add_special_tokens=True).ids
    places = [n for n in range(len(whole)) if whole[n : n + len(plain)] == plain]
    return tuple(whole[: places[0]]) if places else ()


def read_model_config(folder: Path) -> dict[str, Any]:
    """Return a model folder's config.json; raise InputError where there is none that is fit.

    What a multimodal model's says of the part that reads and writes text counts as if it were
    said of the whole.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; base.path must name a model's folder") from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from error
    if not isinstance(config, dict):
        raise InputError(f"{path}: not a model's configuration: expected a JSON object")
    text = config.get("text_config")
    said = text.items() if isinstance(text, dict) else ()
    return {**config, **{name: value for name, value in said if value is not None}}
