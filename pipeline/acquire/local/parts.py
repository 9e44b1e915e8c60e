"""Which part of a distribution a file is: told from its path, and for bundles from its content.

Licences go by their names or their folder, the project page is METADATA, code goes by suffix, and
documentation is what remains of prose. Data, binaries and packaging files are no part.
"""

import re
from pathlib import PurePosixPath

from pipeline.distribution import LANGUAGES
from schemas.source import Part

PROSE_SUFFIXES = (".md", ".rst", ".txt")
INFO_SUFFIXES = (".dist-info", ".egg-info")
LICENCE_NAME = re.compile(r"(un)?licen[cs]e|copying|notice|third[-_]?party|.*[-_]notices?\b")
LICENCE_FOLDERS = frozenset({"license_files", "licenses", "licences"})
# Most .txt files are lists for programs; these are for readers.
DOCUMENT_NAME = re.compile(
    r"readme|changes|changelog|news|history|api|faq|guide|install|todo|usage"
)
DOCUMENT_FOLDERS = frozenset({"doc", "docs", "documentation", "help"})
ABOUT_FILES = ("METADATA", "PKG-INFO")
BUNDLED_SUFFIXES = (".css", ".js")
MAX_LINE_CHARACTERS = 200  # on average; people break lines, minifiers do not


def part_of(path: str) -> Part | None:
    """Return the part that a file belongs to, or None where it is none of them."""
    file = PurePosixPath(path)
    if file.is_absolute() or ".." in file.parts or not path.isprintable():
        return None
    folders, suffix = file.parts[:-1], file.suffix.lower()
    in_info = any(folder.endswith(INFO_SUFFIXES) for folder in folders)
    if in_info and file.name in ABOUT_FILES and len(folders) == 1:
        return "metadata"
    if suffix in ("", *PROSE_SUFFIXES) and _is_licence(file, in_info):
        return "licences"
    if in_info:
        return None
    if suffix in LANGUAGES:
        return "code"
    return "documentation" if suffix in PROSE_SUFFIXES and _is_for_readers(file) else None


def is_minified(path: str, content: bytes) -> bool:
    """Whether a script or style sheet was made by a program for machines to load."""
    if not path.lower().endswith(BUNDLED_SUFFIXES):
        return False
    return len(content) > MAX_LINE_CHARACTERS * (content.count(b"\n") + 1)


def _is_licence(file: PurePosixPath, in_info: bool) -> bool:
    in_folder = in_info and not LICENCE_FOLDERS.isdisjoint(file.parts)
    return in_folder or LICENCE_NAME.match(file.name.lower()) is not None


def _is_for_readers(file: PurePosixPath) -> bool:
    if file.suffix.lower() != ".txt" or DOCUMENT_NAME.match(file.name.lower()):
        return True
    return not DOCUMENT_FOLDERS.isdisjoint(part.lower() for part in file.parts[:-1])
