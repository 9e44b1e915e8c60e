"""The model card: what was fine-tuned, what was replayed, what was forgotten.

Pure: a manifest in, Markdown out (with the YAML header that the Hugging Face hub reads).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import yaml

from pipeline.replay.build import Document
from schemas.finetune import FinetuneManifest, Forgetting


def count_licences(documents: Iterable[Document]) -> dict[str, int]:
    """Return the number of distinct documents of each licence, most first."""
    licences = {document.id: document.license for document in documents}
    counts = Counter(licences.values())
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def model_card(
    manifest: FinetuneManifest, checkpoints: Sequence[str], licences: Mapping[str, int]
) -> str:
    """Return README.md: header, checkpoints, replay, forgetting, licences."""
    header = {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["anchor-corpus", "replay"],
    }
    sections = [
        f"---\n{yaml.safe_dump(header, sort_keys=False)}---",
        f"# {manifest.name}",
        _origin(manifest),
        "## Checkpoints\n\n" + _checkpoints(checkpoints),
        "## Replay\n\n" + _replay(manifest),
        "## Forgetting\n\n" + _forgetting(manifest),
        "## Licences of the anchor\n\n" + _licences(licences),
    ]
    return "\n\n".join(sections) + "\n"


def _origin(manifest: FinetuneManifest) -> str:
    base, config = manifest.base, manifest.config
    return (
        f"A causal language model of {base['num_parameters']:,} parameters ({base['kind']} base), "
        f"fine-tuned for {config['steps']} steps on {manifest.task['num_examples']:,} examples of "
        f"the task `{manifest.task['kind']}`. Documents of an anchor corpus were replayed "
        f"meanwhile; its fingerprint is `{manifest.anchor_fingerprint}`."
    )


def _checkpoints(checkpoints: Sequence[str]) -> str:
    lines = [f"- `checkpoints/{name}`" for name in checkpoints]
    load = 'AutoModelForCausalLM.from_pretrained("checkpoints/…")'
    return "\n".join([*lines, "", f"Each is a folder for `{load}`."])


def _replay(manifest: FinetuneManifest) -> str:
    rows = [
        (
            arm.arm,
            f"{arm.requested_replay_fraction:.2%}",
            f"{arm.achieved_replay_fraction:.2%}",
            f"{arm.num_task_tokens:,}",
            f"{arm.num_anchor_tokens:,}",
        )
        for arm in manifest.arms
    ]
    columns = ("arm", "share asked for", "share replayed", "task tokens", "anchor tokens")
    towards = {
        "distillation": "the predictions of the base",
        "cross_entropy": "the text itself",
    }[manifest.config["training"]["replay_loss"]]
    legend = f"Tokens are loss-bearing, summed over seeds. On the anchor they teach {towards}."
    return table(columns, rows) + "\n\n" + legend


def _forgetting(manifest: FinetuneManifest) -> str:
    rows = [
        (row.arm, row.domain, f"{row.mean:+.3f}", _interval(row)) for row in manifest.forgetting
    ]
    legend = (
        "Rise of held-out loss over the base in nats per token, mean over seeds. "
        "A negative figure for the task is what was learnt."
    )
    legend += "".join(
        f" {domain} was measured on {count} documents: its interval says nothing of others."
        for domain, count in manifest.thinly_measured.items()
    )
    return table(("arm", "domain", "rise", "95 % interval"), rows) + "\n\n" + legend


def _interval(row: Forgetting) -> str:
    if row.low is None or row.high is None:
        return "one seed only"
    return f"{row.low:+.3f} … {row.high:+.3f}"


def _licences(licences: Mapping[str, int]) -> str:
    return table(("licence", "documents"), [(name, f"{n:,}") for name, n in licences.items()])


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; bars and line breaks in cells are made harmless."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
