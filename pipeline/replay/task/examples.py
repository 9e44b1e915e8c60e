"""Task examples: a prompt, and the completion that the model is taught.

What every kind of task gives, and how examples are held out. Always true: an example names its
group (the document, or the prompt), and a group is wholly for training or wholly held out.
"""

from collections import Counter
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
    skipped: dict[str, int] = field(default_factory=dict)  # reason → records
    shape: str = ""  # of records, as it was found

    @property
    def identity(self) -> str:
        """The fingerprint of the examples."""
        return fingerprint([astuple(example) for example in self.examples])


def hold_out(
    items: Sequence[T], groups: Sequence[str], num_heldout: int, max_training: int
) -> tuple[list[T], list[T]]:
    """Return items for training and held-out items; `groups` names the group of each item.

    Groups are held out in order of a hash of their name, until they have `num_heldout` items or
    a fifth of all items, whichever is fewer. Both sides are then cut to size.
    """
    sizes = Counter(groups)
    wanted = min(num_heldout, max(1, int(MAX_HELDOUT_FRACTION * len(items))))
    heldout_groups: set[str] = set()
    count = 0
    for group in sorted(sizes, key=lambda name: hash_rank("task-heldout", name)):
        if count >= wanted:
            break
        heldout_groups.add(group)
        count += sizes[group]
    training: list[T] = []
    heldout: list[T] = []
    for item, group in zip(items, groups, strict=True):
        (heldout if group in heldout_groups else training).append(item)
    return training[:max_training], heldout[:wanted]
