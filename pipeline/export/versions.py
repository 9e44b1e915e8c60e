"""The releases of the libraries that can change the bytes of a build."""

from importlib.metadata import PackageNotFoundError, version

LIBRARIES = (
    "anchor-corpus",
    "datasketch",
    "duckdb",
    "fasttext-community",
    "lxml",
    "mwparserfromhell",
    "numba",
    "numpy",
    "py3langid",
    "pyarrow",
    "scipy",
    "tokenizers",
    "warcio",
)


def library_versions() -> dict[str, str]:
    """Return the installed release of each library by name; those not installed are left out."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
