"""Task examples: a prompt, and the completion that the model is taught.

What every kind of task gives, and how examples are held out. Always true: an example names its
group (the document, or the prompt), and a group is wholly for training or wholly held out.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from typing import TypeVar

from pipeline.fingerprint import fingerprint
from pipeline.replay.split import hash_rank

T = TypeVar("T")

MAX_HELDOUT_FRACTION = 0.2


@dataclass(frozen=True)
class Example:
    """One prompt with its completion; examples of one group stay on one side."""

    group: str
    prompt: str
    completion: str


@dataclass(frozen=True)
class Chat:
    """A conversation as its template has it, special tokens spelled out; answers are marked."""

    group: str
    text: str
    answers: tuple[tuple[int, int], ...]  # spans of characters


@dataclass(frozen=True)
class Candidates:
    """The examples of a task before tokenising, and what became of the other records."""

    examples: Sequence[Example | Chat]
    document_ids: frozenset[str] = frozenset()  # of the build: no other part may use these
    skipped: dict[str, int] = field(default_factory=dict)  # reason → records, or answers of chats
    shape: str = ""  # of records, as it was found

    @property
    def identity(self) -> str:
        """The fingerprint of the examples."""
        return fingerprint([astuple(example) for example in self.examples])


def hold_out(
    items: Sequence[T], groups: Sequence[str], num_heldout: int, max_training: int
) -> tuple[list[T], list[T]]:
    """Return items for training and held-out items; `groups` names the group of each item.

    Groups are taken in order of a hash of their name: first those held out, until they have
    `num_heldout` items or a fifth of all, whichever is fewer, then those for training. Both sides
    are cut to size in that order, as files are often sorted by topic, and are in the given one.
    """
    ranked = sorted(range(len(items)), key=lambda place: hash_rank("task-heldout", groups[place]))
    wanted = min(num_heldout, max(1, int(MAX_HELDOUT_FRACTION * len(items))))
    end = wanted  # of the groups that are held out: no group is on both sides
    while end < len(ranked) and groups[ranked[end]] == groups[ranked[end - 1]]:
        end += 1
    training, heldout = ranked[end:][:max_training], ranked[:wanted]
    return [items[place] for place in sorted(training)], [items[place] for place in sorted(heldout)]
