"""The classifiers of a build: the domain of documents that state none, and quality.

Reads labelled shards or model files; writes trained models to the store. A model's figures are
measured on texts it was not trained on, and go to the manifest.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.annotate.domain import DomainAnnotator
from pipeline.annotate.quality import QualityAnnotator
from pipeline.classifier.model import check_model
from pipeline.classifier.training import TrainedModel, TrainingSettings, train_model
from pipeline.errors import InputError
from pipeline.examples import collect_domain_examples, collect_quality_examples
from pipeline.runtime import Runtime
from pipeline.shard import Shard
from pipeline.store import Store
from schemas.recipe import FilesSource, Quality, Recipe

Figures = dict[str, dict[str, Any]]
MIN_DOMAINS = 2


def domain_annotator(
    shards: Sequence[Shard], recipe: Recipe, base: Path, runtime: Runtime
) -> tuple[DomainAnnotator, Figures]:
    """Return the annotator of domains; it has a model only where a source states no domain."""
    undecided = [
        s.name for s in recipe.sources if s.domain == "auto" and isinstance(s, FilesSource)
    ]
    if not undecided:
        return DomainAnnotator(None, None), {}
    config = recipe.domain_classifier
    if config.model is not None:
        path = base / config.model
        sha256 = check_model(path)
        return DomainAnnotator(path, sha256), {"domain": {"sha256": sha256}}

    def train(store: Store) -> TrainedModel:
        examples = collect_domain_examples(shards, config.max_examples, recipe.seed)
        if len({example.label for example in examples}) < MIN_DOMAINS:
            raise InputError(
                f"source {undecided[0]}: domain: auto needs sources of at least two stated domains "
                "to learn from, or a model; state `domain:` or set domain_classifier.model"
            )
        return train_model(store, "domain", examples, TrainingSettings(), recipe.seed)

    model = runtime.run_once("train domain", train)
    return DomainAnnotator(model.path, model.sha256), {"domain": model.figures}


def quality_annotator(
    shards: Sequence[Shard], recipe: Recipe, base: Path, runtime: Runtime
) -> tuple[QualityAnnotator | None, Figures]:
    """Return the annotator of quality, or None where the recipe asks for none."""
    quality = recipe.quality
    if quality is None:
        return None, {}
    if quality.model is not None:
        path = base / quality.model
        sha256 = check_model(path)
        return QualityAnnotator(path, sha256, quality.label), {"quality": {"sha256": sha256}}
    model = runtime.run_once(
        "train quality", lambda store: _train_quality(store, shards, quality, recipe.seed, base)
    )
    annotator = QualityAnnotator(model.path, model.sha256, quality.label)
    return annotator, {"quality": model.figures}


def _train_quality(
    store: Store, shards: Sequence[Shard], quality: Quality, seed: int, base: Path
) -> TrainedModel:
    examples = collect_quality_examples(shards, quality, seed, base)
    return train_model(store, "quality", examples, TrainingSettings(), seed)
