"""What a distribution's metadata says: its licence above all."""

import pytest

from pipeline.normalize.project import parse_project

CLASSIFIER = "Classifier: License :: OSI Approved :: "


def licence(*headers: str) -> str:
    return parse_project("\n".join(("Name: x", "Version: 1", *headers, "", "body"))).license


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (["License-Expression: MIT OR Apache-2.0", "License: other"], "MIT OR Apache-2.0"),
        ([f"{CLASSIFIER}MIT License"], "MIT"),
        (
            [f"{CLASSIFIER}MIT License", f"{CLASSIFIER}Apache Software License"],
            "Apache-2.0 AND MIT",
        ),
        ([f"{CLASSIFIER}BSD License", "License: BSD-3-Clause"], "BSD-3-Clause"),
        ([f"{CLASSIFIER}BSD License", "License: some words"], "LicenseRef-BSD"),
        ([f"{CLASSIFIER}BSD License"], "LicenseRef-BSD"),
        ([f"{CLASSIFIER}Artistic License", f"{CLASSIFIER}MIT License", "License: Both"], "Both"),
        (["License: Apache 2.0 License"], "Apache-2.0"),
        (["License: MPL-2.0 AND MIT"], "MPL-2.0 AND MIT"),
        (["License: Permission is hereby granted" + ", free of charge" * 5], "unknown"),
        (["License: UNKNOWN"], "unknown"),
        (["Classifier: License :: OSI Approved"], "unknown"),
        ([], "unknown"),
    ],
)
def test_licences(headers: list[str], expected: str) -> None:
    assert licence(*headers) == expected


def test_a_project_page() -> None:
    project = parse_project(
        "Metadata-Version: 2.1\nName: Café\nVersion: 1.2\nSummary: Serves coffee.\n"
        "Home-page: UNKNOWN\nProject-URL: Changelog, https://c.org\n"
        "Project-URL: Source, https://example.org\n\n# Café\n\nLong description.\n"
    )
    assert (project.name, project.version) == ("Café", "1.2")
    assert project.home_page == "https://example.org"
    assert project.page == (
        "Café 1.2\n\nServes coffee.\n\nhttps://example.org\n\n# Café\n\nLong description."
    )


def test_a_description_within_the_headers() -> None:
    page = parse_project("Name: x\nVersion: 1\nDescription: One\n        Two\n       |Three\n").page
    assert page == "x 1\n\nOne\nTwo\nThree"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0",
        "no headers at all",
        "Name\n: x",
        "Content-Type: multipart/x; boundary=b\n\n--b\n\nx",
    ],
)
def test_what_is_no_metadata_is_unknown(text: str) -> None:
    assert parse_project(text).license == "unknown"
