"""The processes of one fine-tune under torchrun: who leads, and what all of them know.

Reads torchrun's environment variables. Always true: every rank calls what speaks to the others in
the same order; the leader alone writes, and the others find what it wrote in the store, which they
must share.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

T = TypeVar("T")

PATIENCE = timedelta(days=1)  # the others wait while the leader pre-trains a base, say


@dataclass(frozen=True)
class Ranks:
    """A process and how many there are; without torchrun, one that is alone."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def tell(self, value: T) -> T:
        """Return the leader's value."""
        if self.size == 1:
            return value
        held: list[T] = [value]
        dist.broadcast_object_list(held, src=0)
        return held[0]

    def first(self, make: Callable[[], T]) -> T:
        """Let the leader make something, then the others, who find it made."""
        made = [make()] if self.leads else []
        self.tell(None)
        return made[0] if made else make()

    def gather(self, value: torch.Tensor) -> list[torch.Tensor]:
        """Return every rank's tensor, in the order of ranks; all are of one shape."""
        if self.size == 1:
            return [value]
        found = [torch.empty_like(value) for _ in range(self.size)]
        dist.all_gather(found, value)
        return found

    def total(self, value: torch.Tensor) -> torch.Tensor:
        """Return the sum over ranks."""
        return torch.stack(self.gather(value)).sum(0)


ALONE = Ranks()


@contextlib.contextmanager
def joined(environment: Mapping[str, str]) -> Iterator[Ranks]:
    """Yield this process among those that torchrun started, connected with them."""
    size = int(environment.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(environment["LOCAL_RANK"]))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, timeout=PATIENCE)
    yield Ranks(dist.get_rank(), size)
    # Where something failed, the others may not answer: torchrun ends them with this process.
    dist.destroy_process_group()
