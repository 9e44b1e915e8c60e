"""What would be fetched to be run is not, and nobody is told to install what would fetch it."""

import subprocess
import sys

LOAD = """
import importlib.machinery, sys, types
fetcher = types.ModuleType("kernels")
fetcher.__spec__ = importlib.machinery.ModuleSpec("kernels", None)
fetcher.get_kernel = lambda *given, **named: print("fetched", given)
sys.modules["kernels"] = fetcher
import pipeline.replay.adapters
assert sys.modules["kernels"] is fetcher
"""


def test_adapters_are_loaded_without_asking_the_hub() -> None:
    """On a processor without instructions for bfloat16 bitsandbytes asks for nothing anyway."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
