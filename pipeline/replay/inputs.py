"""What a fine-tune is given, checked and read before any time is spent on training.

Reads the anchor, the task's file and the base's files; writes nothing but what a hub sends. Always
true: no document is in two of: held out, the task, the original half, the anchor half.
"""

from dataclasses import dataclass
from pathlib import Path

from pipeline.fingerprint import fingerprint
from pipeline.replay.anchor import Anchor, open_anchor
from pipeline.replay.base import BaseModel, check_pretrained
from pipeline.replay.build import token_shares
from pipeline.replay.data import task_candidates
from pipeline.replay.hub import fetch_base
from pipeline.replay.split import Split, split_documents
from pipeline.replay.task.examples import Candidates
from pipeline.store import Store
from schemas.finetune import FinetuneConfig
from schemas.finetune_inputs import FreshDecoder, HubDecoder


@dataclass(frozen=True)
class Inputs:
    """Everything a fine-tune starts from."""

    anchor: Anchor
    shares: dict[str, float]  # of the anchor's tokens, by domain
    candidates: Candidates  # for the task
    split: Split
    start: BaseModel | FreshDecoder  # a fresh one is to be pre-trained on the original half
    identity: str  # of the anchor's documents and of how they are split


def read_inputs(config: FinetuneConfig, base: Path, store: Store) -> Inputs:
    """Check and read what the config names, paths relative to `base`.

    Raises InputError where anchor, model or task cannot be used, IntegrityError where a build
    holds out a document that is also in its shards.
    """
    start = _check_start(config, base, store)
    anchor = open_anchor(config.anchor, base)
    model = start.folder if isinstance(start, BaseModel) else None
    candidates = task_candidates(config.task, base, anchor.documents, config.context, model)
    used, is_fresh = candidates.document_ids, isinstance(start, FreshDecoder)
    return Inputs(
        anchor=anchor,
        shares=token_shares(anchor.documents),
        candidates=candidates,
        split=split_documents(anchor.documents, used, with_original=is_fresh),
        start=start,
        identity=fingerprint(anchor.digest, sorted(used), is_fresh),
    )


def _check_start(config: FinetuneConfig, base: Path, store: Store) -> BaseModel | FreshDecoder:
    if isinstance(config.base, FreshDecoder):
        return config.base
    given = config.base
    folder = fetch_base(given, store) if isinstance(given, HubDecoder) else base / given.path
    return check_pretrained(folder, config.context, given.model_dump())
