"""A base model from a hub: the files that a model is made of, of one commit.

Writes STORE/.hub/, where files of one digest are kept once. Always true: only safetensors,
tokenizer and configuration files are fetched, no code and no pickle; what was fetched is not asked
for again; nothing is sent but the request for the files.
"""

import os
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

from pipeline.errors import FetchError, InputError
from pipeline.store import Store
from schemas.finetune_inputs import HubDecoder

FILES = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
    "special_tokens_map.json", "chat_template.jinja", "*.safetensors", "*.safetensors.index.json",
)  # fmt: skip
FOLDER = ".hub"
MISSING, FORBIDDEN = {404}, {401, 403}


def fetch_base(base: HubDecoder, store: Store) -> Path:
    """Return the folder of the model, fetched now or before.

    Raises InputError where the hub has no such model or shows it to others alone, FetchError where
    the hub cannot be reached.
    """
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    place = f"base.repo: {base.repo} at {base.revision}"
    try:
        folder = snapshot_download(
            base.repo,
            revision=base.revision,
            cache_dir=store.root / FOLDER,
            allow_patterns=list(FILES),
            endpoint=os.environ.get("HF_ENDPOINT"),
        )
    except LocalEntryNotFoundError as error:
        raise FetchError(f"{place}: the hub cannot be reached; try later: {error}") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in MISSING:
            raise InputError(f"{place}: the hub has no such model or commit") from error
        if status in FORBIDDEN:
            raise InputError(
                f"{place}: the hub does not show it; accept its terms there, and set HF_TOKEN"
            ) from error
        raise FetchError(f"{place}: the hub answers {status}; try later") from error
    return Path(folder)
