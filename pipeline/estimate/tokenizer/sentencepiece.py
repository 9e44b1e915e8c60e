"""The pieces of a SentencePiece model: as much of its protocol buffer as is needed.

Reads a `.model` file (https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto:
ModelProto.pieces = 1 with piece = 1 and type = 3, trainer_spec = 2 with model_type = 3).
"""

from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import InputError

PIECES, TRAINER = 1, 2
PIECE_TEXT, PIECE_TYPE, MODEL_TYPE = 1, 3, 3
NORMAL = 1
MODEL_TYPES = {1: "unigram", 2: "BPE", 3: "word", 4: "char"}
Value = int | bytes


def read_pieces(path: Path) -> list[str]:
    """Return the pieces of two characters and more, in the order in which BPE made them.

    Raises InputError where the file is no SentencePiece model, or one of another kind.
    """
    try:
        fields = list(_fields(path.read_bytes()))
        kind = next(
            (
                _number(dict(_fields(_bytes(v))).get(MODEL_TYPE, 1))
                for n, v in fields
                if n == TRAINER
            ),
            1,
        )
        pieces = [_piece(_bytes(value)) for number, value in fields if number == PIECES]
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a SentencePiece model: {error}") from error
    if not pieces:
        raise InputError(f"{path}: not a SentencePiece model: it has no pieces")
    if MODEL_TYPES.get(kind) != "BPE":
        raise InputError(f"{path}: a {MODEL_TYPES.get(kind, kind)} model, which has no merges")
    return [text for text, is_normal in pieces if is_normal and len(text) > 1]


def _piece(message: bytes) -> tuple[str, bool]:
    fields = dict(_fields(message))
    return _bytes(fields[PIECE_TEXT]).decode(), fields.get(PIECE_TYPE, NORMAL) == NORMAL


def _fields(message: bytes) -> Iterator[tuple[int, Value]]:
    """Yield number and value of each field of a message."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, place = _varint(message, place)
            yield number, value
        elif wire == 2:
            size, place = _varint(message, place)
            if place + size > len(message):
                raise ValueError("it ends in the middle of a field")
            yield number, message[place : place + size]
            place += size
        elif wire in {1, 5}:
            place += 8 if wire == 1 else 4
        else:
            raise ValueError(f"a field of the unknown wire type {wire}")


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def _bytes(value: Value) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where a text should be")
    return value


def _number(value: Value) -> int:
    if not isinstance(value, int):
        raise ValueError("a text where a number should be")
    return value
