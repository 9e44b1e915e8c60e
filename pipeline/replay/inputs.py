"""What a fine-tune is given, checked and read before any time is spent on training.

Reads the build, the task's file and the pretrained base's files; writes nothing. Always true: no
document is in two of: held out, the task, the original half, the anchor half.
"""

from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import IntegrityError
from pipeline.fingerprint import fingerprint
from pipeline.replay.base import BaseModel, check_pretrained
from pipeline.replay.build import Build, Document, open_build, read_documents, token_shares
from pipeline.replay.data import task_candidates
from pipeline.replay.split import Split, split_documents
from pipeline.replay.task.examples import Candidates
from schemas.finetune import FinetuneConfig
from schemas.finetune_inputs import FreshDecoder


@dataclass(frozen=True)
class Inputs:
    """Everything a fine-tune starts from."""

    build: Build
    shares: dict[str, float]  # of the build's tokens, by domain
    heldout: list[Document]
    candidates: Candidates  # for the task
    split: Split
    start: BaseModel | FreshDecoder  # a fresh one is to be pre-trained on the original half
    identity: str  # of the build's documents and of how they are split


def read_inputs(config: FinetuneConfig, base: Path) -> Inputs:
    """Check and read what the config names, paths relative to `base`.

    Raises InputError where build, model or task cannot be used, IntegrityError where the build
    holds out a document that is also in its shards.
    """
    start = _check_start(config, base)
    build = open_build(base / config.build)
    documents, heldout = read_documents(build.shards), read_documents(build.heldout)
    _refuse_leaks(documents, heldout)
    model = start.folder if isinstance(start, BaseModel) else None
    candidates = task_candidates(config.task, base, documents, config.context, model)
    is_fresh = isinstance(start, FreshDecoder)
    return Inputs(
        build=build,
        shares=token_shares(documents),
        heldout=heldout,
        candidates=candidates,
        split=split_documents(documents, candidates.document_ids, with_original=is_fresh),
        start=start,
        identity=fingerprint(build.digest, sorted(candidates.document_ids), is_fresh),
    )


def _check_start(config: FinetuneConfig, base: Path) -> BaseModel | FreshDecoder:
    if isinstance(config.base, FreshDecoder):
        return config.base
    return check_pretrained(config.base, base, config.context)


def _refuse_leaks(documents: list[Document], heldout: list[Document]) -> None:
    leaked = sorted({row.id for row in documents} & {row.id for row in heldout})
    if leaked:
        raise IntegrityError(
            f"{len(leaked)} held-out documents are also in the shards (the first: {leaked[0]}), so "
            "forgetting would be measured on training data; build again"
        )
