"""Folders that look like a finished build, for what only moves them."""

import hashlib
import json
from pathlib import Path


def write_output(folder: Path, files: dict[str, bytes]) -> Path:
    """Write what `publish` takes for a build."""
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    entries = [
        {"path": name, "num_bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        for name, body in files.items()
    ]
    fingerprint = hashlib.sha256(repr(files).encode()).hexdigest()
    manifest = json.dumps({"fingerprint": fingerprint, "files": entries})
    (folder / "manifest.json").write_text(manifest)
    (folder / "report.html").write_text(f"report of {len(files)}")
    return folder
