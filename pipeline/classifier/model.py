"""A fastText model as this project uses it: how text is prepared, and what is predicted.

Reads a .bin file; returns probabilities. Always true: training and prediction prepare text with
the same function, probabilities lie in [0, 1], and a text without words gets the same probability
for every label. Models are loaded once a process; pass paths between processes, never models.
"""

import mmap
import struct
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import fasttext
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError, InputError
from pipeline.fingerprint import file_sha256

PREPARATION_VERSION = 1  # of `prepare`: part of the identity of all that depends on it
MAX_CHARACTERS = 5_000
LABEL_PREFIX = "__label__"
END_OF_LINE = "</s>"  # fastText's own word: read in a text, it would end the text

# fastText's file format, version 12: settings, dictionary, then a matrix each of words and labels.
_MAGIC = 793712314
_HEADER_BYTES = 8 + 12 * 4 + 8  # magic and version, twelve int32 settings, one double
_DICTIONARY = struct.Struct("<iiiqq")  # entries, words, labels, tokens, pruned entries
_MATRIX = struct.Struct("<?qq")  # whether quantised, rows, columns


class Model:
    """A loaded fastText classifier; `labels` are without prefix, sorted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._model = _load(path)
        self.labels: tuple[str, ...] = tuple(
            sorted(label.removeprefix(LABEL_PREFIX) for label in self._model.get_labels())
        )

    def predict(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32[text, label]: the probability of each label for each text.

        Raises InputError where the model gives no number (some releases of fastText wrote such
        models).
        """
        columns = {LABEL_PREFIX + label: index for index, label in enumerate(self.labels)}
        result = np.zeros((len(texts), len(columns)), np.float32)
        for row, text in enumerate(texts):
            prepared = prepare(text)
            if not prepared:
                result[row] = 1 / len(columns)
                continue
            # The wrapper's own `predict` fails on numpy 2 in some builds of fastText.
            found = self._model.f.predict(prepared + "\n", len(columns), 0.0, "strict")
            for probability, label in found:
                result[row, columns[label]] = probability
        if np.isnan(result).any():
            raise InputError(f"{self._path}: the model holds NaN; train it again")
        return np.clip(result, 0, 1)

    def column(self, label: str) -> int:
        """Return the column of a label, given with or without prefix; InputError if unknown."""
        wanted = label.removeprefix(LABEL_PREFIX)
        if wanted not in self.labels:
            known = ", ".join(LABEL_PREFIX + label for label in self.labels)
            raise InputError(f"the model has no label {label!r}; it has {known}")
        return self.labels.index(wanted)


@lru_cache(maxsize=4)
def load_model(path: Path, sha256: str) -> Model:
    """Return the model, loaded once a process; `sha256` tells two contents of a path apart."""
    return Model(path)


def predict(path: Path, sha256: str, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Return, for each label of the model, the probabilities (float32) of the texts."""
    model = load_model(path, sha256)
    probabilities = model.predict(texts)
    return {label: probabilities[:, index] for index, label in enumerate(model.labels)}


def prepare(text: str) -> str:
    """Return a text as fastText sees it: its beginning, in lower case, on one line.

    Lower case because sets of some thousand documents are too small to learn a word twice; the
    beginning alone because it tells the kind of text, and a book must not cost a thousand pages.
    fastText's own marks are taken out: in a text they would end it, or count as its label.
    """
    lowered = text[:MAX_CHARACTERS].lower()
    unmarked = lowered.replace(LABEL_PREFIX, " ").replace(END_OF_LINE, " ")
    return " ".join(unmarked.replace("\0", " ").split())


def check_model(path: Path) -> str:
    """Return the sha256 of a model that the user gives.

    Raises ConfigError where there is no such file, InputError where it is no fastText classifier
    or is cut (fastText itself would load half a file, and predict nonsense).
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; give the path of a fastText .bin classifier")
    try:
        is_whole = model_size(path) in (None, path.stat().st_size)
    except (ValueError, struct.error):
        is_whole = False
    if not is_whole:
        raise InputError(f"{path}: not a fastText model, or cut; copy it again")
    _load(path)
    return file_sha256(path)


def model_size(path: Path) -> int | None:
    """Return the size that a fastText file's header states; None for a quantised model.

    Raises ValueError or struct.error where the file is no model or ends early.
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if struct.unpack_from("<i", data)[0] != _MAGIC:
            raise ValueError("it does not begin as one")
        num_entries, _, _, _, num_pruned = _DICTIONARY.unpack_from(data, _HEADER_BYTES)
        position: int = _HEADER_BYTES + _DICTIONARY.size
        for _ in range(num_entries):  # a name, NUL, a count of 8 bytes, a kind of one
            name_end = data.find(b"\0", position)
            if name_end < 0:
                raise ValueError("its dictionary ends early")
            position = name_end + 10
        position += 8 * max(0, num_pruned)
        for _ in ("words", "labels"):
            is_quantised, rows, columns = _MATRIX.unpack_from(data, position)
            if is_quantised:
                return None
            position += _MATRIX.size + 4 * rows * columns
    return position


def _load(path: Path) -> fasttext.FastText._FastText:
    try:
        model = fasttext.load_model(str(path))
        labels = model.get_labels()
    except (ValueError, RuntimeError, MemoryError) as error:
        raise InputError(f"{path}: not a fastText model: {error}") from error
    if len(labels) < 2 or not all(label.startswith(LABEL_PREFIX) for label in labels):
        raise InputError(
            f"{path}: not a fastText classifier with {LABEL_PREFIX}… labels; train it with "
            "`fasttext supervised`"
        )
    return model
