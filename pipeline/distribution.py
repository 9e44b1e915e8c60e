"""Distributions as units of input: how their files are listed, and what languages they hold.

A member of a distribution is written `part:path`: the part of the recipe that it belongs to (or
ABOUT, for the file that states name, version and licence), and its path below the unit's folder.
"""

STDLIB = "python-stdlib"  # the name under which Python's own library is a distribution
ABOUT = "about"

DOMAINS = {"code": "code", "documentation": "techdocs", "metadata": "web", "licences": "legal"}
"""Part of a distribution → the domain of its documents."""

LANGUAGES = {
    ".c": "C",
    ".cc": "C++",
    ".cmake": "CMake",
    ".cpp": "C++",
    ".css": "CSS",
    ".cu": "CUDA",
    ".cuh": "CUDA",
    ".f": "Fortran",
    ".f90": "Fortran",
    ".go": "Go",
    ".h": "C",
    ".hpp": "C++",
    ".java": "Java",
    ".js": "JavaScript",
    ".jl": "Julia",
    ".lua": "Lua",
    ".pxd": "Cython",
    ".pxi": "Cython",
    ".py": "Python",
    ".pyi": "Python",
    ".pyx": "Cython",
    ".rs": "Rust",
    ".sh": "Shell",
    ".sql": "SQL",
    ".ts": "TypeScript",
}
"""Suffix of source code → programming language."""


def member_of(part: str, path: str) -> str:
    """Return a member as a unit lists it."""
    return f"{part}:{path}"


def split_member(member: str) -> tuple[str, str]:
    """Return the part and the path of a member."""
    part, _, path = member.partition(":")
    return part, path
