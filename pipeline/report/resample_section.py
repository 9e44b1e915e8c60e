"""The section about resampling: what documents were drawn towards, and how near the sample came.

Pure: figures of the manifest in, a section out.
"""

from typing import Any

from pipeline.report.page_parts import Cell, Column, Section, Table


def resample_section(resampling: dict[str, Any]) -> Section:
    """Return how far candidates, a plain draw and the sample are from the text, by domain."""
    columns = (
        Column("domain"), Column("texts", "count"), Column("n-grams", "count"),
        Column("n-grams of a document that count", "count"), Column("candidates", "number"),
        Column("plain draw", "number"), Column("sample", "number"),
    )  # fmt: skip
    rows = tuple(_row(domain, found) for domain, found in resampling["domains"].items())
    return Section(
        id="resampling",
        title="Resampling",
        lead="Within these domains, documents like the text of the base model that the recipe "
        f"names ({', '.join(resampling['towards'])}) were drawn rather than others. How far hashed "
        "word unigrams and bigrams are from those of that text, as Kullback–Leibler divergence in "
        "nats, of all candidates, of a plain draw of as many tokens, and of the sample. Where 0 "
        "n-grams of a document count, a plain draw came nearest, and the domain was not resampled.",
        tables=(Table("Divergence by domain", columns, rows),),
    )


def _row(domain: str, found: dict[str, Any]) -> tuple[Cell, ...]:
    return (
        domain, found["num_texts"], found["num_ngrams"], found["max_ngrams"],
        found["divergence_of_candidates"], found["divergence_of_plain_draw"],
        found["divergence_of_sample"],
    )  # fmt: skip
