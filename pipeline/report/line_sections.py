"""The section about repeated lines: what was cut where, and the lines that most documents have.

Pure: figures of the manifest in, a section out.
"""

from typing import Any

from pipeline.report.page_parts import Column, Section, Table


def line_section(lines: dict[str, Any]) -> Section:
    """Return what was cut of each domain, and the most repeated lines."""
    parameters = lines["parameters"]
    domain_columns = (
        Column("domain"), Column("documents", "count"), Column("cut from", "count"),
        Column("lines cut", "count"), Column("bytes cut", "count"), Column("of tokens", "percent"),
    )  # fmt: skip
    by_domain = tuple(
        (name, found["num_documents"], found["num_documents_cut"], found["num_lines_cut"],
         found["num_bytes_cut"], found["num_tokens_cut"] / max(found["num_tokens"], 1))
        for name, found in lines["by_domain"].items()
    )  # fmt: skip
    shown = tuple((row["documents"], row["line"], row["kept_in"]) for row in lines["most_repeated"])
    line_columns = (
        Column("documents", "count"), Column("line", "excerpt"), Column("kept in", "code")
    )  # fmt: skip
    tables = (
        Table("What was cut", domain_columns, by_domain),
        Table("Lines that most documents have", line_columns, shown),
    )
    return Section(
        id="lines",
        title="Repeated lines",
        lead=f"{lines['num_repeated_lines']:,} lines of {parameters['min_words']} words or more "
        f"stand in {parameters['min_documents']} documents or more. Each was kept in one of them "
        "and cut from the others; what a document says twice was cut as well, from "
        f"{parameters['min_words_within']} words on.",
        tables=tuple(table for table in tables if table.rows),
    )
