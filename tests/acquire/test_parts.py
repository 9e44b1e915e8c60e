"""Which part of a distribution a file is."""

import pytest

from pipeline.acquire.local.parts import is_minified, part_of


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("pkg/module.py", "code"),
        ("pkg/include/x.h", "code"),
        ("pkg/licenses.py", "code"),
        ("pkg/README.rst", "documentation"),
        ("pkg/docs/guide.txt", "documentation"),
        ("pkg/CHANGES.txt", "documentation"),
        ("pkg-1.0.dist-info/METADATA", "metadata"),
        ("pkg-1.0.egg-info/PKG-INFO", "metadata"),
        ("pkg-1.0.dist-info/licenses/LICENSE", "licences"),
        ("pkg-1.0.dist-info/licenses/vendored/AUTHORS.md", "licences"),
        ("pkg/LICENSE.txt", "licences"),
        ("pkg/COPYING", "licences"),
        ("pkg/third-party-notices.md", "licences"),
        ("pkg/stopwords/English.txt", None),
        ("pkg/tests/data/table.txt", None),
        ("pkg/_vendor/other-2.0.dist-info/METADATA", None),
        ("pkg-1.0.dist-info/RECORD", None),
        ("pkg-1.0.dist-info/top_level.txt", None),
        ("pkg/_native.so", None),
        ("pkg/__pycache__/module.cpython-311.pyc", None),
        ("../../../bin/tool.py", None),
        ("pkg/../../etc/x.py", None),
        ("/etc/x.py", None),
        ("pkg/a\nb.py", None),
        ("pkg/\udcff.py", None),
    ],
)
def test_parts(path: str, part: str | None) -> None:
    assert part_of(path) == part


def test_what_programs_made_is_told_by_its_lines() -> None:
    assert is_minified("x.js", b"a=1;" * 1000)
    assert not is_minified("x.js", b"a = 1;\n" * 1000)
    assert not is_minified("x.py", b"a=1;" * 1000)
    assert not is_minified("x.css", b"")
