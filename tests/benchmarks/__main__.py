"""Runs every benchmark: `make bench`. What needs the folder of corpora is left out without it."""

# ruff: noqa: T201

from tests.benchmarks import (
    annotation,
    decontamination,
    dedup_accuracy,
    filters,
    html_extraction,
    language,
    model_samples,
    orchestration,
    repeated_lines,
    sampling,
    scale,
    signatures,
    tokenizer_mixture,
    training_speed,
    whole_job,
)
from tests.conftest import CORPORA


def main() -> None:
    """Run one benchmark after the other."""
    signatures.main()
    whole_job.main()
    scale.main()
    annotation.main()
    sampling.main()
    orchestration.main()
    training_speed.main()
    if CORPORA.is_dir():
        decontamination.main(CORPORA)
        dedup_accuracy.main(CORPORA)
        filters.main()
        html_extraction.main(CORPORA)
        language.main(CORPORA)
        model_samples.main(CORPORA)
        repeated_lines.main(CORPORA)
        tokenizer_mixture.main(CORPORA)
    else:
        print("what needs the corpora is left out: they are not beside the project")


if __name__ == "__main__":
    main()
