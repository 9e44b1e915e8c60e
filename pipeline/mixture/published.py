"""Published mixtures, by name, and mixture files of the user's own, by path.

Reads data/mixtures/*.yaml of this project, and writes mixture files in the same form. A name is
looked up in the list of files there, so no text of a recipe is ever used as a path unless it ends
in .yaml.
"""

import difflib
from pathlib import Path

import yaml

from pipeline.config import load_config
from pipeline.errors import ConfigError, OutputError
from schemas.mixture import Mixture

MIXTURES = Path(__file__).resolve().parents[2] / "data" / "mixtures"
SUFFIXES = (".yaml", ".yml")


def available() -> list[str]:
    """Return the names of the published mixtures, sorted."""
    return sorted(path.stem for path in MIXTURES.glob("*.yaml"))


def load_mixture(name_or_path: str, base: Path) -> Mixture:
    """Return a published mixture, or the mixture file at a path relative to `base`.

    What ends in .yaml is a path. Raises ConfigError for an unknown name or a file that is wrong.
    """
    if name_or_path.endswith(SUFFIXES):
        return load_config(base / name_or_path, Mixture)
    known = available()
    if name_or_path not in known:
        raise ConfigError(_unknown(name_or_path, known))
    return load_config(MIXTURES / f"{name_or_path}.yaml", Mixture)


def write_mixture(mixture: Mixture, path: Path) -> None:
    """Write a mixture file that `load_mixture` reads back; raise OutputError where it cannot be."""
    content = mixture.model_dump(mode="json", exclude_unset=True)
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return (
        f"mixture: no published mixture is called {name!r}; {hint}known: {', '.join(known)}. "
        "A path of your own must end in .yaml"
    )
