"""Degenerate files through the whole job: right answers, and memory that stays within bounds."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

JOB = """
import json, sys
from pathlib import Path
from pipeline.dedup.files import deduplicate_files
from pipeline.dedup.inputs import find_inputs
from schemas.recipe import Dedup

found = deduplicate_files(find_inputs([Path(sys.argv[1])], "text"), Path(sys.argv[2]), Dedup(), 0)
status = Path("/proc/self/status").read_text()
print(json.dumps([found["counts"], 1024 * int(status.partition("VmHWM:")[2].split()[0])]))
"""


def run(table: pa.Table, folder: Path) -> tuple[dict[str, int], int]:
    """Return the counts, and the most memory that was resident, in bytes."""
    pq.write_table(table, folder / "in.parquet", row_group_size=50_000)
    done = subprocess.run(
        [sys.executable, "-c", JOB, folder / "in.parquet", folder / "out"],
        check=True,
        capture_output=True,
        text=True,
    )
    counts, peak = json.loads(done.stdout.splitlines()[-1])
    return counts, peak


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
class TestBoundedMemory:
    """Each job in a process of its own, whose peak is read when it ends."""

    def test_a_document_of_100_megabytes_and_its_edited_copy(self, tmp_path: Path) -> None:
        words = np.random.default_rng(1).integers(0x10000000, 0xFFFFFFFF, 11_200_000)
        long = "".join(f"{word:x} " for word in words.tolist())
        assert len(long) > 100_000_000
        texts = [long, f"{long}and more", "short"]
        counts, peak = run(pa.table({"text": texts}), tmp_path)
        assert (counts["num_exact"], counts["num_near"]) == (0, 1)
        assert peak < 2_500_000_000

    def test_a_million_identical_and_a_million_short_documents(self, tmp_path: Path) -> None:
        same = pa.array(["the same short text"]).take(pa.array(np.zeros(1_000_000, np.int64)))
        numbers = pa.array(np.arange(1_000_000)).cast(pa.string())
        texts = pa.chunked_array([same, numbers])
        counts, peak = run(pa.table({"text": texts}), tmp_path)
        assert counts["num_exact"] == 999_999
        assert counts["num_near"] == 0
        assert peak < 1_500_000_000

    def test_a_million_near_identical_documents(self, tmp_path: Path) -> None:
        form = pa.scalar(" ".join(f"t{i}" for i in range(30)) + " ")
        numbers = pa.array(np.arange(1_000_000)).cast(pa.string())
        texts = pa.chunked_array([pa.compute.binary_join_element_wise(form, numbers, "")])
        counts, peak = run(pa.table({"text": texts}), tmp_path)
        assert counts["num_near"] == 999_999
        assert counts["num_candidate_pairs_verified"] < 5_000_000
        assert peak < 2_500_000_000
