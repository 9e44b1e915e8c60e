"""Make the environments of trainers that need one of their own (`make readers`)."""

# ruff: noqa: T201

from tests.benchmarks.peers import interpreter
from tests.readers.environments import TRAINERS

if __name__ == "__main__":
    for trainer in TRAINERS:
        print(f"{trainer}: {interpreter(trainer)}", flush=True)
