"""A build made from generated text, a tiny model's folder, and a config of a few seconds."""

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.fingerprint import file_sha256
from pipeline.parquet import write_table
from pipeline.replay.build import Document
from pipeline.replay.decoder import new_decoder, reproducible, save_decoder, save_tokenizer
from pipeline.replay.tokenizer import train_tokenizer
from pipeline.store import Store
from schemas.document import ANCHOR
from schemas.finetune import FinetuneConfig
from schemas.finetune_inputs import FreshDecoder
from schemas.manifest import DomainCounts, FileEntry, Manifest


@dataclass(frozen=True)
class Text:
    domain: str
    text: str
    license: str = "CC0-1.0"

    @property
    def id(self) -> str:
        return hashlib.sha256(f"{self.domain}:{self.text}".encode()).hexdigest()[:32]

    @property
    def num_tokens(self) -> int:
        return len(self.text.encode()) // 4


def write_build(
    folder: Path, texts: Sequence[Text], heldout: Sequence[Text], num_shards: int = 2
) -> Manifest:
    (folder / "shards").mkdir(parents=True)
    (folder / "heldout").mkdir()
    files = []
    for index in range(num_shards):
        name = f"shards/anchor-{index:05d}-of-{num_shards:05d}.parquet"
        files.append(_write(folder, name, texts[index::num_shards]))
    for domain in sorted({text.domain for text in heldout}):
        members = [text for text in heldout if text.domain == domain]
        files.append(_write(folder, f"heldout/{domain}.parquet", members))
    manifest = Manifest(
        name="fake",
        description="made for a test",
        fingerprint=hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest(),
        recipe={},
        versions={},
        tokenizer="bytes/4",
        num_documents=len(texts),
        num_rows=len(texts),
        num_tokens=sum(text.num_tokens for text in texts),
        total_variation=0.0,
        domains=tuple(_domain(name, texts) for name in sorted({text.domain for text in texts})),
        sources=(),
        files=tuple(files),
    )
    (folder / "manifest.json").write_text(manifest.model_dump_json())
    return manifest


def _write(folder: Path, name: str, texts: Sequence[Text]) -> FileEntry:
    rows = [
        {
            "id": text.id,
            "text": text.text,
            "source": text.domain,
            "domain": text.domain,
            "language": "en",
            "url": None,
            "license": text.license,
            "quality": None,
            "num_tokens": text.num_tokens,
            "metadata": "{}",
        }
        for text in texts
    ]
    path = folder / name
    num_rows = write_table(path, pa.Table.from_pylist(rows, schema=ANCHOR))
    return FileEntry(
        path=name, num_bytes=path.stat().st_size, sha256=file_sha256(path), num_rows=num_rows
    )


def _domain(name: str, texts: Sequence[Text]) -> DomainCounts:
    members = [text for text in texts if text.domain == name]
    tokens = sum(text.num_tokens for text in members)
    share = tokens / sum(text.num_tokens for text in texts)
    return DomainCounts(
        name=name,
        target=share,
        feasible=share,
        achieved=share,
        num_available=tokens,
        num_tokens=tokens,
        num_documents=len(members),
        num_repeated_tokens=0,
        num_held_out=0,
    )


WORDS = {
    "web": ("page", "visit", "click", "offer", "welcome", "news", "home", "about", "contact"),
    "legal": ("party", "shall", "hereby", "agreement", "clause", "liability", "notice", "court"),
}
VERBS = ("load", "save", "count", "merge", "split", "parse", "check", "build")
NOUNS = ("record", "token", "shard", "table", "batch", "index", "stream", "folder")


def prose(domain: str, number: int) -> Text:
    draw = random.Random(f"{domain}:{number}")
    words = [draw.choice(WORDS[domain]) for _ in range(60)]
    return Text(domain, f"{domain} {number}. " + " ".join(words) + ".")


def module(number: int) -> Text:
    draw = random.Random(f"code:{number}")
    functions = []
    for _ in range(4):
        verb, noun = draw.choice(VERBS), draw.choice(NOUNS)
        functions.append(
            f'def {verb}_{noun}(x):\n    """{verb.title()} the {noun} of x."""\n'
            f"    return {verb}(x.{noun})\n"
        )
    return Text("code", f"# module {number}\n" + "\n\n".join(functions), "MIT")


@pytest.fixture(scope="session")
def build_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("builds") / "small"
    texts = [prose(domain, number) for domain in WORDS for number in range(60)]
    texts += [module(number) for number in range(60)]
    heldout = [prose(domain, number) for domain in WORDS for number in range(100, 106)]
    heldout += [module(number) for number in range(100, 106)]
    write_build(folder, texts, heldout)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a decoder of random weights: 400 tokens, context 96."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    folder.mkdir()
    texts = [make(number) for number in range(20) for make in (partial(prose, "web"), module)]
    documents = [Document(text.id, text.text, text.domain, text.license, 1) for text in texts]
    encoder = train_tokenizer(documents, 400)
    decoder = FreshDecoder(vocabulary_size=400, hidden_size=32, num_layers=2, num_heads=2)
    with reproducible(threads=1):
        save_decoder(new_decoder(decoder, encoder, context=96, seed=1), folder)
    save_tokenizer(encoder, folder)
    return folder


@pytest.fixture
def make_config(build_folder: Path) -> Callable[..., FinetuneConfig]:
    """Return a function that makes a config of a few seconds, with fields replaced."""

    def make(**fields: Any) -> FinetuneConfig:
        small: dict[str, Any] = {
            "name": "small",
            "anchor": str(build_folder),
            "base": {
                "kind": "fresh",
                "vocabulary_size": 400,
                "hidden_size": 32,
                "num_layers": 1,
                "num_heads": 2,
                "steps": 12,
                "batch_size": 8,
            },
            "task": {"kind": "docstrings", "max_examples": 60, "num_heldout": 10},
            "replay_fractions": (0.0, 0.25),
            "seeds": (0, 1),
            "steps": 6,
            "batch_size": 4,
            "context": 96,
            "evaluate_every": 3,
            "heldout_sequences": 8,
            "threads": 1,
        }
        return FinetuneConfig.model_validate({**small, **fields})

    return make


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))
