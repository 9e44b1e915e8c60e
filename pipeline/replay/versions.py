"""The libraries whose release can change a trained weight or a token."""

from importlib.metadata import version

LIBRARIES = ("torch", "transformers", "tokenizers", "numpy")


def training_versions() -> dict[str, str]:
    """Return the installed release of each."""
    return {name: version(name) for name in LIBRARIES}
