"""A published mixture's mapping for the terminal: its own rows, and what each is of ours."""

from collections.abc import Iterator

from flows.summary import table, wrap
from schemas.mixture import Component, Mixture


def show_mapping(mixture: Mixture) -> str:
    """Return each row of a published table, its share, and what it falls under here, and why."""
    total = sum(component.proportion for component in mixture.components)
    axis = "topic" if mixture.is_of_topics else "domain"
    has_languages = any(component.language for component in mixture.components)
    header = ("published row", "figure", "share", axis, *(["language"] if has_languages else []))
    rows = [
        (
            component.name,
            f"{_figure(component):g}",
            f"{component.proportion / total:.2%}",
            component.topic or component.domain or "–",
            *([component.language or ""] if has_languages else []),
        )
        for component in mixture.components
    ]
    notes = [wrap(note) for note in _notes(mixture)]
    return "\n".join([*table(header, rows), *(["", *notes] if notes else [])])


def _figure(component: Component) -> float:
    return component.proportion if component.published is None else component.published


def _notes(mixture: Mixture) -> Iterator[str]:
    """Yield what is to be known of single rows, and of rows that the mapping divides."""
    for component in mixture.components:
        if component.note:
            yield f"{component.name}: {component.note}"
    divided = {each.part_of for each in mixture.components if each.part_of}
    for row, figure in mixture.published_table().items():
        if row in divided:
            yield f"{row}: published as one row, {figure:g}."
