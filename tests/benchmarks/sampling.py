"""Drawing from 10 and 100 million candidates: rows a second, memory, and how near the target.

Candidates are written to Parquet files: ids as the project's, domains, languages and quality bands
of skewed shares, token counts of a log-normal law with a heavy tail. Half the tokens they hold are
drawn for another mixture, so that scarce domains are repeated, and every candidate is decided
about, in one process. Its peak of resident memory is printed, and the total variation by domain,
by language and by band within domains, counted again from the decisions. Fails above 0.5 % on any
axis. 100 million candidates need 5 GB of disk. `--weighted` gives the documents weights.
"""

# ruff: noqa: T201

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SIZES = (10_000_000, 100_000_000)
FILE_ROWS = 2_000_000
MAX_DISTANCE = 0.005
DOMAINS = ("web", "code", "books", "papers", "forum", "legal", "news", "math")
DOMAIN_SHARES = (0.55, 0.2, 0.04, 0.08, 0.06, 0.03, 0.03, 0.01)  # of documents
LANGUAGES = ("en", "de", "fr", "es", "zh", "ja")
LANGUAGE_SHARES = (0.6, 0.12, 0.1, 0.1, 0.05, 0.03)
BAND_SHARES = (0.5, 0.3, 0.2)
Numbers = npt.NDArray[np.int64]

JOB = """
import json, sys, time
from pathlib import Path
import numpy as np
from pipeline.sample.cells import CANDIDATE, ALL_DOMAINS, batches_of_files, codes_of, bands_of
from pipeline.sample.languages import LanguageShares
from pipeline.sample.stage import draw
from schemas.recipe import Sample

folder, tokens, columns = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split()
target = {"web": .45, "code": .15, "books": .1, "papers": .1, "forum": .08, "legal": .05,
          "news": .05, "math": .02}
languages = {"en": .7, "de": .1, "fr": .08, "es": .06, "zh": .04, "ja": .02}
bands = {"web": (.3, .35, .35), "code": (.4, .3, .3)}
batches = batches_of_files(sorted(folder.glob("*.parquet")), CANDIDATE + columns)
config = Sample(tokens=tokens, max_epochs=2, heldout_documents=1000)
started = time.perf_counter()
drawn = draw(batches, target, config, 0, bands, LanguageShares(languages, {}))
drawing = time.perf_counter() - started
taken = np.zeros((len(ALL_DOMAINS), len(languages), 3), np.int64)
started = time.perf_counter()
for batch in batches():
    copies = drawn.decisions.decide(batch).column("copies").to_numpy()
    kept = np.flatnonzero(copies)
    places = [codes_of(batch["domain"], ALL_DOMAINS), codes_of(batch["language"], list(languages)),
              bands_of(batch)]
    num_tokens = batch["num_tokens"].to_numpy()[kept] * copies[kept]
    np.add.at(taken, tuple(place[kept] for place in places), num_tokens)
deciding = time.perf_counter() - started
total = taken.sum()
far = lambda found, wanted: float(np.abs(found - wanted).sum() / 2)
feasible = {each.name: each.feasible for each in drawn.domains}
by_domain = far(taken.sum(axis=(1, 2)) / total, [feasible.get(d, 0) for d in ALL_DOMAINS])
by_language = far(taken.sum(axis=(0, 2)) / total, [each.feasible for each in drawn.languages])
own = {d: taken[ALL_DOMAINS.index(d)].sum(axis=0) for d in bands}
by_band = max(far(own[d] / own[d].sum(), bands[d]) for d in bands)
from_target = [far(taken.sum(axis=(1, 2)) / total, [target.get(d, 0) for d in ALL_DOMAINS]),
               far(taken.sum(axis=(0, 2)) / total, list(languages.values()))]
status = Path("/proc/self/status").read_text()
peak = 1024 * int(status.partition("VmHWM:")[2].split()[0])
print(json.dumps({"drawing": drawing, "deciding": deciding, "peak": peak, "tokens": int(total),
    "distances": {"domain": by_domain, "language": by_language, "band": by_band},
    "from_target": from_target, "edges": len(drawn.decisions.edges.keys),
    "said": [c.explanation for c in (*drawn.domains, *drawn.languages) if c.explanation]}))
"""


def main(sizes: tuple[int, ...] = SIZES, is_weighted: bool = False) -> None:
    """Print what one draw of each size takes."""
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            held = write_candidates(size, Path(name), is_weighted)
            print(f"{size:,} candidates of {held:,} tokens", flush=True)
            columns = "log_weight" if is_weighted else ""
            done = subprocess.run(
                [sys.executable, "-c", JOB, name, str(held // 2), columns],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            show(size, json.loads(done.stdout.splitlines()[-1]))


def show(size: int, found: dict[str, object]) -> None:
    """Print the figures of one job; raise where a distance is too great."""
    answer = json.dumps(found)
    drawing, deciding = (float(str(found[name])) for name in ("drawing", "deciding"))
    print(
        f"   drawn in {drawing:.1f} s, decided in {deciding:.1f} s: "
        f"{size / (drawing + deciding):,.0f} rows a second; "
        f"{int(str(found['peak'])) / 1e9:.2f} GB at most\n   {answer}",
        flush=True,
    )
    distances = json.loads(answer)["distances"]
    if max(distances.values()) >= MAX_DISTANCE:
        raise SystemExit(f"farther from the target than {MAX_DISTANCE}: {distances}")


def write_candidates(size: int, folder: Path, is_weighted: bool) -> int:
    """Write candidates to Parquet files; return the tokens of all."""
    total = 0
    for first in range(0, size, FILE_ROWS):
        table = candidates(first, min(FILE_ROWS, size - first), is_weighted)
        total += pc.sum(table["num_tokens"]).as_py()
        pq.write_table(
            table, folder / f"{first:012d}.parquet", use_dictionary=["domain", "language"]
        )
    return total


def candidates(first: int, count: int, is_weighted: bool) -> pa.Table:
    """Return candidates by their numbers."""
    generator = np.random.default_rng(first)
    tokens = np.minimum(generator.lognormal(6, 1.3, count).astype(np.int64) + 1, 2_000_000)
    columns = {
        "id": ids(generator, first, count),
        "domain": _drawn(generator, DOMAINS, DOMAIN_SHARES, count),
        "language": _drawn(generator, LANGUAGES, LANGUAGE_SHARES, count),
        "num_tokens": pa.array(tokens),
        "quality_band": pa.array(
            generator.choice(len(BAND_SHARES), count, p=BAND_SHARES).astype(np.int8)
        ),
    }
    if is_weighted:
        columns["log_weight"] = pa.array(generator.normal(-20, 5, count).astype(np.float32))
    return pa.table(columns)


def ids(generator: np.random.Generator, first: int, count: int) -> pa.Array:
    """Return ids as the project's: digits of a digest of the text, and of the place."""
    content = generator.bytes(12 * count).hex()
    places = np.arange(first, first + count, dtype=">u8").tobytes().hex()
    signs = np.empty((count, 41), np.uint8)
    signs[:, :24] = np.frombuffer(content.encode(), np.uint8).reshape(count, 24)
    signs[:, 24] = ord("-")
    signs[:, 25:] = np.frombuffer(places.encode(), np.uint8).reshape(count, 16)
    ends = pa.array(np.arange(count + 1, dtype=np.int32) * 41)
    return pa.Array.from_buffers(
        pa.string(), count, [None, ends.buffers()[1], pa.py_buffer(signs.tobytes())]
    )


def _drawn(
    generator: np.random.Generator, names: tuple[str, ...], shares: tuple[float, ...], count: int
) -> pa.Array:
    places = generator.choice(len(names), count, p=shares).astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(places), pa.array(names))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--weighted", action="store_true")
    arguments = parser.parse_args()
    main(tuple(arguments.sizes), arguments.weighted)
