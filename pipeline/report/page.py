"""The report page: one self-contained HTML file, with no request to anywhere.

Reads the output folder of a build or a fine-tune; writes report.html into it. Text of documents,
names and errors is hostile input: the template escapes all of it, JSON is escaped for <script>, and
a Content-Security-Policy lets run only the two scripts whose digests it names.
"""

import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from pipeline.errors import InputError, OutputError
from pipeline.output import MIXTURE_FILE, REPORT_FILE, read_manifest, read_run_record
from pipeline.report import build_sections, finetune_sections
from pipeline.report.data import read_build_data
from pipeline.report.page_parts import Cell, Page
from schemas.finetune import FinetuneManifest
from schemas.manifest import Manifest

FOLDER = Path(__file__).parent


def write_report(directory: Path, finetune: Path | None) -> Path:
    """Write report.html of the build or fine-tune in `directory` and return its path.

    With `finetune`, the output folder of a fine-tune, its sections stand in the build's report.
    Raises InputError where a folder holds no output of the kind asked for.
    """
    manifest = read_manifest(directory)
    if isinstance(manifest, FinetuneManifest):
        if finetune is not None:
            raise InputError(f"{directory}: is a fine-tune itself; give a build, or no --finetune")
        page = finetune_page(manifest)
    else:
        page = build_page(directory, manifest, _read_finetune(finetune) if finetune else None)
    path = directory / REPORT_FILE
    _write_whole(path, render(page))
    return path


def _read_finetune(directory: Path) -> FinetuneManifest:
    manifest = read_manifest(directory)
    if not isinstance(manifest, FinetuneManifest):
        raise InputError(f"{directory}: holds a build; --finetune wants a fine-tune’s folder")
    return manifest


def _write_whole(path: Path, text: str) -> None:
    """Write a file by rename, so that a reader finds the old page or the new one."""
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def build_page(directory: Path, manifest: Manifest, finetune: FinetuneManifest | None) -> Page:
    """Return the page of a build, with a fine-tune's sections first if there is one."""
    data = read_build_data(directory, manifest)
    mixture = _read_mixture(directory)
    run = read_run_record(directory)
    sections = list(build_sections.build_sections(manifest, data, mixture, run))
    if finetune is not None:
        sections = [*finetune_sections.finetune_sections(finetune), *sections]
    return Page(
        title=manifest.name,
        kind="Anchor corpus",
        description=manifest.description,
        fingerprint=manifest.fingerprint,
        headlines=build_sections.headlines(manifest),
        sections=tuple(sections),
        alarms=manifest.all_alarms,
    )


def finetune_page(manifest: FinetuneManifest) -> Page:
    """Return the page of a fine-tune."""
    return Page(
        title=manifest.name,
        kind="Replay fine-tuning",
        description="",
        fingerprint=manifest.anchor_fingerprint,
        headlines=finetune_sections.headlines(manifest),
        sections=tuple(finetune_sections.finetune_sections(manifest)),
    )


def _read_mixture(directory: Path) -> dict[str, Any]:
    path = directory / MIXTURE_FILE
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}


def render(page: Page) -> str:
    """Return the page as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = format_cell
    scripts = [get_plotlyjs(), (FOLDER / "plots.js").read_text(encoding="utf-8")]
    # Own files and Plotly's, not data: these alone are marked as safe.
    return environment.get_template("page.html.jinja").render(
        page=page,
        style=Markup((FOLDER / "style.css").read_text(encoding="utf-8")),  # noqa: S704
        scripts=[Markup(script) for script in scripts],  # noqa: S704
        policy=content_policy(scripts),
    )


def content_policy(scripts: Sequence[str]) -> str:
    """Return a Content-Security-Policy that allows these inline scripts and no request at all."""
    digests = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts
    ]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


FORMATS = {
    "percent": "{:.2%}",
    "share": "{:.0%}",
    "count": "{:,}",
    "number": "{:.3f}",
    "decimal": "{:.1f}",
}


def format_cell(value: Cell, kind: str) -> str:
    """Return a table's cell as text; a missing value is a dash."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    return FORMATS.get(kind, "{:g}").format(value).replace("%", " %")
