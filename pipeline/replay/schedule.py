"""The schedule: which task and which anchor sequences go into which step.

Pure functions over counts of loss-bearing tokens; nothing is read or written. Always true: batch k
is a function of (seed, k) alone, so a run can resume at any step; every arm of one seed sees the
same task sequences at the same step; after every step the anchor's loss-bearing tokens are within
half a sequence of the fraction asked for, and each domain within one sequence of its share of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.fingerprint import derive_seed

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Pool:
    """Sequences to draw from: each one's loss-bearing tokens and domain, and the domains' shares.

    Every domain in `shares` has a sequence, and shares sum to 1.
    """

    num_scored: Ints  # [n]
    domains: tuple[str, ...]  # [n]
    shares: dict[str, float]


@dataclass(frozen=True)
class Plan:
    """The batches of a run, as indices of sequences."""

    task: Ints  # [steps, batch_size]
    anchor: Ints  # [drawn]: the anchor sequences, in order of use
    offsets: Ints  # [steps + 1]: step k uses anchor[offsets[k]:offsets[k + 1]]

    def first(self, num_steps: int) -> "Plan":
        """Return the plan of the first steps alone."""
        offsets = self.offsets[: num_steps + 1]
        return Plan(self.task[:num_steps], self.anchor[: offsets[-1]], offsets)

    def anchor_at(self, step: int) -> Ints:
        """Return the anchor sequences of one step (from 0)."""
        return self.anchor[self.offsets[step] : self.offsets[step + 1]]


def feasible_shares(shares: Mapping[str, float], available: Mapping[str, int]) -> dict[str, float]:
    """Return the shares of the domains that have loss-bearing tokens, scaled to sum to 1."""
    kept = {name: share for name, share in shares.items() if share > 0 and available.get(name, 0)}
    total = sum(kept.values())
    return {name: kept[name] / total for name in sorted(kept)}


def plan_run(
    seed: int,
    task_scored: Ints,
    pool: Pool,
    fraction: float | Floats,
    num_steps: int,
    batch_size: int,
) -> Plan:
    """Plan a run that replays `fraction` of its loss-bearing tokens; of each step's, if [steps].

    `task_scored` holds the task sequences' loss-bearing tokens, [n]. Plans whose first steps have
    the same fractions have the same first steps. Raises ValueError where tokens must be replayed
    and the pool has none. Sequences with no loss-bearing token are never drawn.
    """
    task = task_order(seed, np.flatnonzero(task_scored), num_steps, batch_size)
    fractions = np.broadcast_to(np.asarray(fraction, np.float64), num_steps)
    if not fractions.any():
        return Plan(task, np.zeros(0, np.int64), np.zeros(num_steps + 1, np.int64))
    wanted = np.cumsum(task_scored[task].sum(axis=1) * fractions / (1 - fractions))
    draws = mixture_order(seed, pool)
    upcoming = next(draws)
    drawn: list[int] = []
    offsets = [0]
    num_drawn_tokens = 0
    for target in wanted:
        while target - num_drawn_tokens >= pool.num_scored[upcoming] / 2:
            drawn.append(upcoming)
            num_drawn_tokens += int(pool.num_scored[upcoming])
            upcoming = next(draws)
        offsets.append(len(drawn))
    return Plan(task, np.array(drawn, np.int64), np.array(offsets, np.int64))


def plan_mixture(seed: int, pool: Pool, num_steps: int, batch_size: int) -> Ints:
    """Return the sequences of a run on the pool alone, [num_steps, batch_size]."""
    draws = mixture_order(seed, pool)
    drawn = [next(draws) for _ in range(num_steps * batch_size)]
    return np.array(drawn, np.int64).reshape(num_steps, batch_size)


def task_order(seed: int, sequences: Ints, num_steps: int, batch_size: int) -> Ints:
    """Return which of the sequences are in each step, [num_steps, batch_size]: hashed epochs."""
    draws = _endless(seed, "task", sequences)
    drawn = [next(draws) for _ in range(num_steps * batch_size)]
    return np.array(drawn, np.int64).reshape(num_steps, batch_size)


def mixture_order(seed: int, pool: Pool) -> Iterator[int]:
    """Yield sequences of the pool for ever; domains stay within one sequence of their shares.

    Of the domains that one more sequence does not bring too far ahead, the next is the one that
    would be the first to fall too far behind (Tijdeman 1980, "The chairman assignment problem",
    Discrete Mathematics 32), with tokens in place of turns. Taking whichever is furthest behind, as
    blended datasets usually do, lets domains fall more than a sequence behind. Sequences with no
    loss-bearing token are never drawn. Ties go to the domain first in the alphabet.
    """
    names = sorted(pool.shares)
    draws = {name: _of_domain(seed, name, pool) for name in names}
    slack = int(pool.num_scored.max(initial=0)) * (1 - 1 / max(2, 2 * len(names) - 2))
    upcoming = {name: next(draws[name]) for name in names}
    counts = dict.fromkeys(names, 0)
    total = 0
    while True:
        sizes = {name: int(pool.num_scored[upcoming[name]]) for name in names}
        ahead = {n: counts[n] + sizes[n] - pool.shares[n] * (total + sizes[n]) for n in names}
        limit = max(slack, min(ahead.values()))  # sequences of unlike sizes may leave none below
        ready = [name for name in names if ahead[name] <= limit]
        name = min(ready, key=lambda each: (slack + counts[each]) / pool.shares[each])
        counts[name] += sizes[name]
        total += sizes[name]
        yield upcoming[name]
        upcoming[name] = next(draws[name])


def _of_domain(seed: int, name: str, pool: Pool) -> Iterator[int]:
    """Yield a domain's sequences that have a loss-bearing token, epoch after epoch."""
    of_domain = np.array([domain == name for domain in pool.domains], np.bool_)
    return _endless(seed, f"anchor:{name}", np.flatnonzero(of_domain & (pool.num_scored > 0)))


def _endless(seed: int, name: str, items: Ints) -> Iterator[int]:
    """Yield all items epoch after epoch, in a new order each epoch."""
    if not len(items):
        raise ValueError(f"{name}: no sequence to draw")
    epoch = 0
    while True:
        for index in hashed_order(derive_seed(seed, f"{name}:epoch-{epoch}"), len(items)):
            yield int(items[index])
        epoch += 1


def hashed_order(seed: int, num_items: int) -> Ints:
    """Return 0 … num_items−1 ordered by a hash of (seed, number): the same with any numpy.

    The hash is the output function of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable
    pseudorandom number generators"), a bijection, so keys never tie.
    """
    golden = np.uint64(0x9E3779B97F4A7C15)
    z: Words = (np.arange(num_items, dtype=np.uint64) + np.uint64(1)) * golden + np.uint64(seed)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.argsort(z ^ (z >> np.uint64(31)), kind="stable").astype(np.int64)
