"""Tokenising: documents end once, bytes are counted exactly, training is deterministic."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.replay.build import Document
from pipeline.replay.task.examples import Example
from pipeline.replay.tokenizer import END_OF_TEXT, train_tokenizer

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
