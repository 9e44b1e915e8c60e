"""A distribution's core metadata (METADATA or PKG-INFO) → what it says of the project.

Reads the text of the file (core metadata specification 2.4, an e-mail header block). Always true:
the licence is an SPDX expression, a short statement in the project's own words, or `unknown`.
"""

import re
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser

UNKNOWN = "unknown"
MAX_LICENSE_CHARACTERS = 60  # more is the licence's text, not its name

_HOME_LABELS = ("homepage", "home", "home page", "source", "repository", "documentation")
_FOLDED = re.compile(r"\n(?: {7}\|| {8})")  # how a description is indented inside a header
_EXPRESSION = re.compile(r"[\w.+]+-[\w.+-]+( (AND|OR|WITH) [\w.+-]+)*")  # as SPDX writes it

# Classifiers and statements that mean one licence exactly. "BSD License" does not.
_SPDX = {
    "apache 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "the bsd 2-clause license": "BSD-2-Clause",
    "gnu general public license v2 (gplv2)": "GPL-2.0-only",
    "gnu general public license v2 or later (gplv2+)": "GPL-2.0-or-later",
    "gnu general public license v3 (gplv3)": "GPL-3.0-only",
    "gnu general public license v3 or later (gplv3+)": "GPL-3.0-or-later",
    "gnu lesser general public license v2 or later (lgplv2+)": "LGPL-2.0-or-later",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
    "gnu lesser general public license v3 or later (lgplv3+)": "LGPL-3.0-or-later",
    "isc license (iscl)": "ISC",
    "mit": "MIT",
    "mit license": "MIT",
    "mit no attribution license (mit-0)": "MIT-0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
    "zlib/libpng license": "Zlib",
}
_VAGUE = {
    "bsd": "LicenseRef-BSD",
    "bsd license": "LicenseRef-BSD",
    "gnu general public license (gpl)": "LicenseRef-GPL",
}


@dataclass(frozen=True)
class Project:
    """What a distribution's metadata says."""

    name: str
    version: str
    license: str
    home_page: str | None
    page: str
    """The project page: name, summary, home page and description."""


def parse_project(text: str) -> Project:
    """Return what a METADATA or PKG-INFO file says of its project."""
    message = HeaderParser().parsestr(text)
    name, version = str(message.get("Name", "")), str(message.get("Version", UNKNOWN))
    home_page = _home_page(message)
    parts = (
        f"{name} {version}",
        message.get("Summary", ""),
        home_page or "",
        _description(message),
    )
    page = "\n\n".join(part.strip() for part in parts if part.strip() not in ("", "UNKNOWN"))
    return Project(name, version, _license(message), home_page, page)


def _license(message: Message) -> str:
    """Return the licence: the expression, else what classifiers or the old field say exactly."""
    expression = str(message.get("License-Expression", "")).strip()
    if expression:
        return expression
    classifiers = [c for c in message.get_all("Classifier", []) if c.startswith("License :: ")]
    names = [c.rpartition(" :: ")[2].strip().lower() for c in classifiers]
    stated = " ".join(str(message.get("License", "")).split())
    if names and all(name in _SPDX for name in names):
        return _all_of(names)
    if stated.lower() in _SPDX or _EXPRESSION.fullmatch(stated):
        return _SPDX.get(stated.lower(), stated)
    is_named = stated not in ("", "UNKNOWN") and len(stated) <= MAX_LICENSE_CHARACTERS
    return _all_of(names) or _all_of([stated.lower()]) or (stated if is_named else UNKNOWN)


def _all_of(names: list[str]) -> str:
    """Return the licences of these names as one expression, or nothing if one is not known.

    All of them apply, as long as nothing says that one may choose.
    """
    known = {_SPDX.get(name) or _VAGUE.get(name) or "" for name in names}
    return "" if "" in known else " AND ".join(sorted(known))


def _home_page(message: Message) -> str | None:
    urls = {"home page": str(message.get("Home-page", ""))}
    for entry in message.get_all("Project-URL", []):
        label, _, url = str(entry).partition(",")
        urls[label.strip().lower()] = url.strip()
    wanted = (urls.get(label, "") for label in _HOME_LABELS)
    return next((url for url in wanted if url.startswith(("http://", "https://"))), None)


def _description(message: Message) -> str:
    body = str(message.get_payload())
    return body if body.strip() else _FOLDED.sub("\n", str(message.get("Description", "")))
