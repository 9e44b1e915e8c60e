"""An output as one commit to a repository of the Hugging Face hub.

Reads the files of an output folder. Always true: a reader of any revision sees one whole output.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path


def commit(
    folder: Path,
    place: str,
    environment: Mapping[str, str],
    names: Sequence[str],
    stale: Sequence[str],
) -> None:
    """Add the files of these names, and delete the stale ones, below `place`.

    `place` is datasets/OWNER/NAME[@REVISION][/PATH]. Raises what huggingface_hub raises.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    _, owner, name, *above = place.split("/", 3)
    name, _, revision = name.partition("@")
    prefix = "".join(f"{part}/" for part in above)
    api = HfApi(environment.get("HF_ENDPOINT"), token=environment.get("HF_TOKEN") or False)
    api.create_commit(
        f"{owner}/{name}",
        [
            *(CommitOperationAdd(f"{prefix}{each}", str(folder / each)) for each in names),
            *(CommitOperationDelete(f"{prefix}{each}") for each in stale),
        ],
        commit_message="Anchor corpus",
        repo_type="dataset",
        revision=revision or None,
    )
