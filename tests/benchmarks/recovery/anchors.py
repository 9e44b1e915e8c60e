"""The anchors: what each arm replays, made by the commands that a user would type.

Writes HOME/anchors/: documents of an origin a file a domain, estimates (mixture files), recipes and
builds; HOME/store is shared by all. Always true: an anchor is built of documents of one origin, and
its builder sees the base's weights and tokenizer alone, never its mixture or its documents.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pyarrow.parquet as pq
import yaml

from pipeline.mixture.published import load_mixture
from pipeline.replay.build import Document, read_documents, token_shares
from pipeline.replay.data import Corpus, pack_corpus
from pipeline.replay.generate import Sampling, draw_samples
from pipeline.replay.tokenizer import load_tokenizer
from pipeline.store import Store
from tests.benchmarks.recovery.bases import base_corpus
from tests.benchmarks.recovery.parts import anchor, read_parts
from tests.benchmarks.recovery.protocol import ARM, ARMS, SHARES, Arm, Size

SAMPLE_BATCH = 256
ORIGINS = ("same", "other", "unrelated")


def build_anchors(size: Size, home: Path, bases: Sequence[int]) -> None:
    """Make every arm's anchor for some bases, unless it is there."""
    for origin in ORIGINS:
        write_origin(home, origin)
    for base in bases:
        estimate(size, home, base)
    for arm in {arm.anchor: arm for arm in ARMS if arm.source in ORIGINS}.values():
        for name, mixture in _mixtures(arm, home, bases).items():
            _build(name, arm.source, mixture, size, home)


def write_origin(home: Path, origin: str) -> None:
    """Write a part's documents as one JSONL file a domain."""
    folder = home / "anchors" / origin
    if folder.is_dir():
        return
    scratch = folder.with_name(f".{origin}")
    scratch.mkdir(parents=True, exist_ok=True)
    for domain, documents in read_parts(home)[origin].items():
        with (scratch / f"{domain}.jsonl").open("w") as file:
            for document in documents:
                file.write(json.dumps({"id": document.id, "text": document.text}) + "\n")
    scratch.rename(folder)


def estimate(size: Size, home: Path, base: int) -> None:
    """Estimate a base's mixture from its tokenizer and from texts that it writes."""
    folder, text = home / "estimates", str(home / "anchors/other")
    tokenizer, samples = folder / "tokenizer.yaml", folder / f"samples-{base}.yaml"
    combined, model = folder / f"combined-{base}.yaml", home / "bases" / str(base)
    folder.mkdir(exist_ok=True)
    if not tokenizer.is_file():
        file = str(home / "tokenizer")
        anchor("estimate", "tokenizer", file, text, "--output", str(tokenizer))
    if not samples.is_file():
        anchor(
            *("estimate", "model", str(model), text, "--output", str(samples)),
            *("--samples", str(size.num_samples), "--max-tokens", str(size.context - 1)),
            *("--batch-size", str(SAMPLE_BATCH), "--store", str(home / "store")),
        )
    if not combined.is_file():
        anchor("estimate", "combine", str(tokenizer), str(samples), "--output", str(combined))


@lru_cache(maxsize=16)
def anchor_corpus(arm: str, base: int, size: Size, home: Path) -> Corpus:
    """Return what an arm replays, packed with the base's tokenizer."""
    encoder = load_tokenizer(home / "tokenizer")
    source = ARM[arm].source
    if source == "base":
        return base_corpus(size, home, encoder, base)
    if source == "samples":
        documents = _samples(base, size, home)
        return pack_corpus(documents, {"samples": 1.0}, encoder, size.context)
    build = home / "builds" / _name(arm, base)
    documents = read_documents(sorted((build / "shards").glob("*.parquet")))
    return pack_corpus(documents, token_shares(documents), encoder, size.context)


def estimated_shares(home: Path, base: int, kind: str = "combined") -> dict[str, float]:
    """Return an estimate, by domain; `kind`: combined, samples or tokenizer."""
    name = f"{kind}.yaml" if kind == "tokenizer" else f"{kind}-{base}.yaml"
    return load_mixture(str(home / "estimates" / name), Path()).proportions()


def achieved_shares(home: Path, arm: str, base: int) -> dict[str, float]:
    """Return the shares of tokens that a build's shards have."""
    build = home / "builds" / _name(arm, base)
    return token_shares(read_documents(sorted((build / "shards").glob("*.parquet"))))


def _samples(base: int, size: Size, home: Path) -> list[Document]:
    settings = Sampling(size.num_samples, size.context - 1, SAMPLE_BATCH, 0)
    model = home / "bases" / str(base)
    files = draw_samples(model, settings, Store(home / "store"), lambda line: None)
    texts = [text for path in files for text in pq.read_table(path)["text"].to_pylist()]
    return [Document(str(n), text, "samples", "-", 0) for n, text in enumerate(texts) if text]


def _name(arm: str, base: int) -> str:
    anchor = ARM[arm].anchor
    return f"{anchor}-{base}" if ARM[arm].mixture == "estimated" else anchor


def _mixtures(arm: Arm, home: Path, bases: Sequence[int]) -> dict[str, str | dict[str, float]]:
    """Return the target of each build of an arm, as a recipe has it."""
    if arm.mixture == "estimated":
        files = {base: home / f"estimates/combined-{base}.yaml" for base in bases}
        return {_name(arm.name, base): str(file) for base, file in files.items()}
    true = json.loads((home / "bases/0/base.json").read_text())["shares"]
    ranked = sorted(true, key=lambda domain: true[domain])
    shares: dict[str, str | dict[str, float]] = {
        "true": true,
        "llama-1": "llama-1",
        "uniform": dict.fromkeys(SHARES, 1.0),
        "wrong": dict(zip(ranked, sorted(true.values(), reverse=True), strict=True)),
        "web": {"web": 1.0},
        "own": {"legal": 1.0},
    }
    return {arm.anchor: shares[arm.mixture]}


def _build(name: str, origin: str, mixture: str | dict[str, float], size: Size, home: Path) -> None:
    """Run `anchor build` on all documents of an origin."""
    folder = home / "builds" / name
    if (folder / "manifest.json").is_file():
        return
    files = sorted((home / "anchors" / origin).glob("*.jsonl"))
    recipe = {
        "name": name,
        "description": f"The anchor {name!r} of the recovery benchmark",
        "sources": [
            {
                "kind": "files",
                "name": file.stem,
                "domain": file.stem,
                "paths": [str(file)],
                "fields": {"text": ["text"], "id": "id"},
                "license": "various",
                "max_lost_fraction": 0.9,
                "max_duplicate_fraction": 0.9,
            }
            for file in files
        ],
        "mixture": mixture,
        "sample": {
            "tokens": size.anchor_tokens,
            "tokenizer": str(home / "tokenizer/tokenizer.json"),
            "heldout_documents": 0,
            "on_shortfall": "shrink",
        },
        "runtime": {"runner": "serial", "store": str(home / "store")},
    }
    path = home / "recipes" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(recipe))
    anchor("build", str(path), "--output", str(folder))
