"""The dataset card that goes with the shards (README.md).

Reads the finished manifest. The card follows the Hugging Face convention, a YAML header and
Markdown, so `datasets.load_dataset(FOLDER)` finds the shards.
Source: https://huggingface.co/docs/hub/datasets-cards.
"""

from pathlib import Path
from typing import Any

import jinja2
import yaml

from schemas.domain import DOMAINS
from schemas.manifest import DomainCounts, Manifest

TEMPLATES = Path(__file__).parent

# The hub's names for licences are SPDX identifiers in lower case; it refuses others in the header.
HUB_LICENSES = frozenset(
    (
        "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "isc", "zlib", "unlicense", "wtfpl",
        "cc0-1.0", "cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0",
        "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "gpl-2.0", "gpl-3.0", "lgpl-2.1", "lgpl-3.0", "agpl-3.0",
        "mpl-2.0", "epl-2.0", "artistic-2.0", "postgresql", "odc-by", "odbl", "gfdl",
    )
)  # fmt: skip
SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
)


def render_card(manifest: Manifest, languages: dict[str, int]) -> str:
    """Return the card; `languages` counts the kept documents by ISO 639-1 code."""
    # Markdown, not HTML: `cell` escapes what stands in it.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = _cell
    return environment.get_template("card.md.jinja").render(
        header=yaml.safe_dump(_header(manifest, languages), sort_keys=False, allow_unicode=True),
        manifest=manifest,
        meanings=DOMAINS,
        max_epochs=max((_epochs(domain) for domain in manifest.domains), default=1.0),
        pii=manifest.recipe.get("cleaning", {}).get("pii", []),
        has_heldout=any(domain.num_held_out for domain in manifest.domains),
    )


def _cell(text: object) -> str:
    """Return text that cannot break out of a Markdown table or turn into HTML."""
    flat = " ".join(str(text).split())
    for character in "\\|<>[]`":
        flat = flat.replace(character, "\\" + character)
    return flat


def _header(manifest: Manifest, languages: dict[str, int]) -> dict[str, Any]:
    configs = [
        {"config_name": "default", "data_files": [{"split": "train", "path": "shards/*.parquet"}]}
    ]
    if any(domain.num_held_out for domain in manifest.domains):
        configs.append(
            {
                "config_name": "heldout",
                "data_files": [{"split": "test", "path": "heldout/*.parquet"}],
            }
        )
    return {
        "pretty_name": manifest.name,
        "license": _hub_licenses(manifest),
        "language": [code for code in sorted(languages) if code.isalpha() and len(code) in (2, 3)],
        "size_categories": [size_category(manifest.num_rows)],
        "task_categories": ["text-generation"],
        "tags": ["pretraining", "replay", "continual-learning"],
        "configs": configs,
    }


def _hub_licenses(manifest: Manifest) -> list[str]:
    names = {name.lower() for source in manifest.sources for name in source.licenses}
    known = sorted(names & HUB_LICENSES)
    return known if known and names <= HUB_LICENSES else [*known, "other"]


def size_category(num_rows: int) -> str:
    """Return the hub's word for a number of rows."""
    return next((word for limit, word in SIZES if num_rows < limit), "n>1B")


def _epochs(domain: DomainCounts) -> float:
    unique = domain.num_tokens - domain.num_repeated_tokens
    return domain.num_tokens / unique if unique else 1.0
