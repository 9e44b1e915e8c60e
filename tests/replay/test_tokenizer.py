"""Tokenising: documents end once, bytes are counted exactly, training is deterministic."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Encoding, Tokenizer

from pipeline.errors import InputError
from pipeline.replay import tokenizer
from pipeline.replay.build import Document
from pipeline.replay.task.examples import Chat, Example
from pipeline.replay.tokenizer import END_OF_TEXT, load_tokenizer, train_tokenizer

WORDS = ("the", "corpus", "is", "replayed", "while", "a", "model", "learns", "its", "task")
DOCUMENTS = [
    Document(str(n), " ".join(WORDS[n % 7 :] + WORDS[: n % 5]), "web", "CC0-1.0", 1)
    for n in range(40)
]
ENCODER = train_tokenizer(DOCUMENTS, 320)


def as_document(text: str) -> Document:
    return Document("x", text, "web", "CC0-1.0", 1)


def test_a_document_cannot_end_itself() -> None:
    (encoded,) = ENCODER.encode_documents([as_document(f"one {END_OF_TEXT} two")])
    assert (encoded.tokens == ENCODER.end).sum() == 1
    assert encoded.tokens[-1] == ENCODER.end


@settings(max_examples=60)
@given(st.text(max_size=60))
def test_token_bytes_add_up_to_the_text(text: str) -> None:
    (encoded,) = ENCODER.encode_documents([as_document(text)])
    assert ENCODER.token_bytes()[encoded.tokens].sum() == len(text.encode())


def test_only_completion_and_end_are_scored() -> None:
    (encoded,) = ENCODER.encode_examples([Example("g", "the corpus", " is replayed")])
    scored = encoded.tokens[encoded.scored].tolist()
    assert ENCODER.tokenizer.decode(scored[:-1]) == " is replayed"
    assert scored[-1] == ENCODER.end


def test_training_does_not_depend_on_the_order_of_documents() -> None:
    again = train_tokenizer(DOCUMENTS[::-1], 320)
    assert again.tokenizer.to_str() == ENCODER.tokenizer.to_str()


def model_folder(folder: Path, config: dict[str, object], *added: AddedToken) -> Path:
    saved = Tokenizer.from_str(ENCODER.tokenizer.to_str())
    saved.add_tokens(list(added))
    saved.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps(config))
    return folder


SIZE = ENCODER.vocabulary_size
CONFIG: dict[str, object] = {"vocab_size": SIZE, "eos_token_id": ENCODER.end}


@pytest.mark.parametrize(
    "config",
    [
        {"text_config": CONFIG, "model_type": "some_vision_model"},
        {"text_config": {"vocab_size": SIZE}, "eos_token_id": [ENCODER.end, 7]},
        {"text_config": {**CONFIG, "eos_token_id": None}, "eos_token_id": ENCODER.end},
    ],
)
def test_the_text_part_of_a_multimodal_model_is_found(
    tmp_path: Path, config: dict[str, object]
) -> None:
    encoder = load_tokenizer(model_folder(tmp_path, config))
    assert (encoder.end, encoder.num_embeddings) == (ENCODER.end, SIZE)


@pytest.mark.parametrize("missing", CONFIG)
def test_a_config_without_what_is_needed_is_refused(tmp_path: Path, missing: str) -> None:
    config = {name: value for name, value in CONFIG.items() if name != missing}
    with pytest.raises(InputError, match=rf"config\.json: names no {missing}; add it"):
        load_tokenizer(model_folder(tmp_path, config))


def test_a_special_token_without_embedding_is_refused_only_where_it_is_used(tmp_path: Path) -> None:
    image = AddedToken("<image>", special=True)
    encoder = load_tokenizer(model_folder(tmp_path, CONFIG, image))
    assert encoder.vocabulary_size == SIZE + 1
    (encoded,) = encoder.encode_documents([as_document("an <image> of the corpus")])
    assert encoded.tokens.max() < SIZE
    with pytest.raises(InputError, match=rf"token <image> has id {SIZE}, but .*only {SIZE} embed"):
        encoder.encode_examples([Chat("g", "<image> the corpus", ((8, 18),))])


def test_text_may_not_give_a_token_without_embedding(tmp_path: Path) -> None:
    word = AddedToken("<word>", special=False)
    with pytest.raises(InputError, match=f"reach {SIZE}, but the model has only {SIZE} embeddings"):
        load_tokenizer(model_folder(tmp_path, CONFIG, word))
    end: dict[str, object] = {**CONFIG, "eos_token_id": SIZE}
    with pytest.raises(InputError, match=f"reach {SIZE}, but the model has only {SIZE} embeddings"):
        load_tokenizer(model_folder(tmp_path, end, AddedToken("<end>", special=True)))


class Watched:
    """A tokenizer that notes how much it is given at a time."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def encode_batch(self, texts: list[str], *, add_special_tokens: bool) -> list[Encoding]:
        self.batches.append(texts)
        return ENCODER.tokenizer.encode_batch(texts, add_special_tokens=add_special_tokens)


def test_texts_are_encoded_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "CHUNK_TEXTS", 3)
    monkeypatch.setattr(tokenizer, "CHUNK_CHARACTERS", 100)
    texts = [WORDS[n % 10] * (n % 9 * 5) for n in range(50)]
    watched = Watched()
    encoder = replace(ENCODER, tokenizer=watched)  # type: ignore[arg-type]
    documents = [as_document(text) for text in texts]
    encoded = encoder.encode_documents(documents)
    assert [text for batch in watched.batches for text in batch] == texts
    assert all(len(batch) <= 3 for batch in watched.batches)
    assert all(len("".join(batch[:-1])) < 100 for batch in watched.batches)
    for document, found in zip(documents, encoded, strict=True):
        (alone,) = ENCODER.encode_documents([document])
        assert found.tokens.tolist() == alone.tokens.tolist()
        assert (found.tokens.dtype, found.scored.dtype) == (np.int64, np.bool_)
    chats = [Chat("g", text, ((0, len(text)),)) for text in texts]
    examples = [Example("g", text, text) for text in texts]
    assert all(each.scored.all() for each in encoder.encode_examples(chats))
    assert len(encoder.encode_examples([*examples, *chats])) == 100
    assert all(len(batch) <= 3 for batch in watched.batches)
