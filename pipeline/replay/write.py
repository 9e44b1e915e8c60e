"""The output folder of a fine-tune: checkpoints, model card, and the manifest last.

Copies checkpoints from the store. Always true: the folder appears whole, by rename; the manifest
holds the size and sha256 of every other file.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.output import CARD_FILE, MANIFEST_FILE, file_entry, replace_directory
from pipeline.replay.card import model_card
from pipeline.store import ENTRY_FILE
from schemas.finetune import FinetuneManifest

CHECKPOINTS_FOLDER = "checkpoints"


@dataclass(frozen=True)
class Checkpoint:
    """A trained model in the store, to be copied to the output."""

    arm: str
    seed: int
    source: Path

    @property
    def name(self) -> str:
        """Its folder's name, as in `replay-0.25-seed0`."""
        return f"{self.arm.replace(' ', '-')}-seed{self.seed}"


def write_output(
    output: Path,
    manifest: FinetuneManifest,
    checkpoints: Sequence[Checkpoint],
    licences: Mapping[str, int],
) -> FinetuneManifest:
    """Write the output folder; return the manifest with its files.

    `licences` counts the documents that could be replayed, by licence. Raises OutputError where
    the folder cannot be written or holds something else.
    """
    with replace_directory(output) as folder:
        for checkpoint in checkpoints:
            target = folder / CHECKPOINTS_FOLDER / checkpoint.name
            without_entry = shutil.ignore_patterns(ENTRY_FILE)
            shutil.copytree(  # contents alone: safetensors files are readable by their owner only
                checkpoint.source, target, ignore=without_entry, copy_function=shutil.copyfile
            )
        names = [checkpoint.name for checkpoint in checkpoints]
        (folder / CARD_FILE).write_text(model_card(manifest, names, licences), encoding="utf-8")
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        files = tuple(file_entry(folder, path) for path in paths)
        complete = manifest.model_copy(update={"files": files})
        text = complete.model_dump_json(indent=2) + "\n"
        (folder / MANIFEST_FILE).write_text(text, encoding="utf-8")
    return complete
