"""An installed distribution: every file that `acquire` chose is one document.

Reads the members of a unit: code, documentation, licences, and the project page in the metadata.
Licence, address and version come from the distribution's own metadata. Always true: each member but
the one that tells of the distribution gives exactly one record; text is UTF-8, or what a Python
file declares (PEP 263).
"""

import io
import platform
import tokenize
from collections.abc import Iterator
from pathlib import PurePosixPath

from pipeline.distribution import ABOUT, DOMAINS, LANGUAGES, STDLIB, split_member
from pipeline.normalize.charset import web_codec
from pipeline.normalize.project import UNKNOWN, Project, parse_project
from pipeline.normalize.record import ReadContext, Record, Refusal, excerpt_of

PYTHON_SUFFIXES = (".py", ".pyi")


def read(source: ReadContext) -> Iterator[Record | Refusal]:
    """Yield the documents of one distribution, in the order of its members."""
    members = [split_member(member) for member in source.unit.members]
    project = _project(source, [path for part, path in members if part == ABOUT])
    for part, path in members:
        if part != ABOUT:
            source.count()
            yield _read_member(source, project, part, path)


def _project(source: ReadContext, paths: list[str]) -> Project:
    """Return what the distribution says of itself; broken bytes in it are no reason to stop."""
    if source.unit.name == STDLIB:
        version = platform.python_version()
        return Project(STDLIB, version, "PSF-2.0", "https://www.python.org/", "")
    about = source.unit.path / paths[0] if paths else None
    if about is None or not about.is_file():
        return Project(source.unit.name, UNKNOWN, UNKNOWN, None, "")
    return parse_project(about.read_bytes().decode("utf-8", "replace"))


def _read_member(source: ReadContext, project: Project, part: str, path: str) -> Record | Refusal:
    limit = source.max_document_bytes
    try:
        with (source.unit.path / path).open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        return _refuse(path, "unreadable", str(error.strerror))
    if len(content) > limit:
        return _refuse(path, "too_large", f"more than {limit} bytes", content)
    try:
        text = _decode(content, path)
    except (SyntaxError, UnicodeDecodeError) as error:
        return _refuse(path, "bad_utf8", str(error), content)
    if not text.strip():
        return _refuse(path, "empty_text", "the file is empty")
    if part == "metadata":
        text = parse_project(text).page
    return _record(source, project, part, path, text)


def _decode(content: bytes, path: str) -> str:
    """Return a file's text. Raises SyntaxError or UnicodeDecodeError where it is not text."""
    if not path.endswith(PYTHON_SUFFIXES):
        return content.decode("utf-8-sig")
    declared, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    codec = declared if declared == "utf-8-sig" else web_codec(declared)
    if codec is None:
        raise SyntaxError(f"the file declares {declared}, which is no encoding of text")
    return content.decode(codec)


def _record(source: ReadContext, project: Project, part: str, path: str, text: str) -> Record:
    facts = {
        "distribution": source.unit.name,
        "version": project.version,
        "path": path,
        "part": part,
    }
    language = LANGUAGES.get(PurePosixPath(path).suffix.lower()) if part == "code" else None
    return Record(
        text,
        offset=0,
        offset_unit="byte",
        source_id=f"{source.unit.name}=={project.version}/{path}",
        license=project.license,
        url=project.home_page,
        domain=DOMAINS[part],
        metadata=facts | ({"programming_language": language} if language else {}),
        file=path,
    )


def _refuse(path: str, reason: str, error: str, content: bytes = b"") -> Refusal:
    return Refusal(0, "byte", reason, error, excerpt_of(content), path)
