"""The filter as a stage: a shard's attributes in, its verdicts out.

Reads language, heuristics, domain and contamination of a shard; writes the attribute `verdict`.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.filter.rules import RULES
from pipeline.filter.verdict import judge
from pipeline.fingerprint import fingerprint
from pipeline.parquet import write_batches
from pipeline.shard import Shard, read_shard
from pipeline.store import Store
from schemas.attributes import VERDICT
from schemas.recipe import Cleaning

VERSION = 1
VERDICT_FILE = "verdict.parquet"
ATTRIBUTES = ("language", "heuristics", "domain", "contamination")


def filter_shard(shard: Shard, store: Store, cleaning: Cleaning) -> Shard:
    """Return the shard with the attribute `verdict`, computed or found in the store."""

    def write(folder: Path) -> dict[str, Any]:
        batches = (judge(batch, cleaning) for batch in read_shard(shard, [], ATTRIBUTES))
        return {"num_rows": write_batches(folder / VERDICT_FILE, VERDICT, batches)}

    identity = _fingerprint(shard, cleaning)
    entry = store.obtain("filter", identity, write)
    return shard.with_attribute("verdict", entry.file(VERDICT_FILE), identity)


def _fingerprint(shard: Shard, cleaning: Cleaning) -> str:
    """Return the identity of the verdicts: the rules asked for, in full, and what they judge."""
    rules = [asdict(rule) for rule_set in cleaning.rules for rule in RULES[rule_set]]
    settings = cleaning.model_dump(include={"languages", "rule_domains", "min_characters"})
    judged = [shard.attribute_fingerprints[name] for name in ATTRIBUTES]
    return fingerprint("filter", VERSION, rules, settings, shard.fingerprint, judged)
