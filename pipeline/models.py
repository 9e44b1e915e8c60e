"""The classifiers of a build: domain and topic of documents that state none, and quality.

Reads labelled shards or model files; writes trained models to the store. A model's figures are
measured on texts it was not trained on, and go to the manifest.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.annotate.axis import AxisAnnotator
from pipeline.annotate.quality import QualityAnnotator
from pipeline.classifier.examples import LabelledText
from pipeline.classifier.fitting import TrainingSettings
from pipeline.classifier.model import describe_model, load_model
from pipeline.classifier.training import TrainedModel, evaluate_model, train_model
from pipeline.errors import InputError
from pipeline.example_store import stored_examples
from pipeline.examples import collect_axis_examples, collect_quality_examples, example_files
from pipeline.mapping import Mapper
from pipeline.runtime import Runtime
from pipeline.shard import Shard
from pipeline.store import Store
from schemas.quality import Quality
from schemas.recipe import AxisClassifier, Recipe
from schemas.source import TextSource
from schemas.taxonomy import AxisName

Figures = dict[str, dict[str, Any]]
MIN_CLASSES = 2


def domain_annotator(
    shards: Sequence[Shard], recipe: Recipe, base: Path, runtime: Runtime
) -> tuple[AxisAnnotator, Figures]:
    """Return the annotator of domains; it has a model only where a source states no domain."""
    if not any(s.domain == "auto" and isinstance(s, TextSource) for s in recipe.sources):
        return AxisAnnotator("domain"), {}
    return _axis_annotator("domain", shards, recipe.domain_classifier, recipe.seed, base, runtime)


def topic_annotator(
    shards: Sequence[Shard], recipe: Recipe, base: Path, runtime: Runtime
) -> tuple[AxisAnnotator | None, Figures]:
    """Return the annotator of topics, or None where the recipe neither states nor asks for any."""
    if not recipe.has_topics:
        return None, {}
    if recipe.topic_classifier is None:
        return AxisAnnotator("topic"), {}
    return _axis_annotator("topic", shards, recipe.topic_classifier, recipe.seed, base, runtime)


def _axis_annotator(
    axis: AxisName,
    shards: Sequence[Shard],
    config: AxisClassifier,
    seed: int,
    base: Path,
    runtime: Runtime,
) -> tuple[AxisAnnotator, Figures]:
    """Return an annotator with the model that is given, or one trained on what sources state."""
    if config.model is not None:
        path = base / config.model
        facts = describe_model(path)
        return AxisAnnotator(axis, path, facts["sha256"]), {axis: facts}

    def train(store: Store) -> TrainedModel:
        asked = (axis, config.max_examples, seed)
        examples = stored_examples(
            store, asked, shards, [], lambda: collect_axis_examples(shards, *asked)
        )
        found = sorted({example.label for example in examples})
        if len(found) < MIN_CLASSES:
            raise InputError(
                f"a classifier of {axis}s needs documents of at least two stated {axis}s to learn "
                f"from; found {', '.join(found) or 'none'}. State `{axis}:` of more sources, or "
                f"set {axis}_classifier.model"
            )
        return train_model(store, axis, examples, TrainingSettings(), seed, runtime.mapper)

    model = runtime.run_once(f"train {axis}", train)
    return AxisAnnotator(axis, model.path, model.sha256), {axis: model.figures}


def quality_annotator(
    shards: Sequence[Shard], recipe: Recipe, base: Path, runtime: Runtime
) -> tuple[QualityAnnotator | None, Figures]:
    """Return the annotator of quality, or None where the recipe asks for none."""
    quality = recipe.quality
    if quality is None:
        return None, {}
    if quality.model is not None:
        path = base / quality.model
        facts = describe_model(path)
        sha256 = facts["sha256"]
        figures = facts | _tested(path, sha256, shards, recipe, base, runtime)
        annotator = QualityAnnotator(path, sha256, quality.label)
    else:
        model = runtime.run_once(
            "train quality",
            lambda store: _train_quality(store, shards, quality, recipe.seed, base, runtime.mapper),
        )
        figures = model.figures
        annotator = QualityAnnotator(model.path, model.sha256, quality.label)
    refuse_chance(figures, quality)
    return annotator, {"quality": figures | {"positive": quality.positive}}


def _train_quality(
    store: Store, shards: Sequence[Shard], quality: Quality, seed: int, base: Path, mapper: Mapper
) -> TrainedModel:
    examples = _quality_examples(store, shards, quality, seed, base)
    return train_model(store, "quality", examples, TrainingSettings(), seed, mapper)


def _quality_examples(
    store: Store, shards: Sequence[Shard], quality: Quality, seed: int, base: Path
) -> list[LabelledText]:
    sides = (quality.positives, quality.negatives)
    asked = (quality.positive, *sides, quality.max_examples, seed)
    return stored_examples(
        store,
        asked,
        shards,
        example_files(sides, base),
        lambda: collect_quality_examples(shards, quality, seed, base),
    )


def _tested(
    path: Path, sha256: str, shards: Sequence[Shard], recipe: Recipe, base: Path, runtime: Runtime
) -> dict[str, Any]:
    """Return the figures of a model that the user gives, on the examples given beside it."""
    quality = recipe.quality
    if quality is None or quality.positives is None:
        return {}
    examples = _quality_examples(runtime.store, shards, quality, recipe.seed, base)
    return evaluate_model(load_model(path, sha256), examples, quality.positive, recipe.seed)


def refuse_chance(figures: Mapping[str, Any], quality: Quality) -> None:
    """Raise InputError where scores choose documents and the model is little better than chance."""
    auc = (figures.get("by_document") or {}).get("auc")
    if quality.chooses and auc is not None and auc < quality.min_auc:
        raise InputError(
            f"quality: on held-out examples the model has an AUC of {auc:.2f}, less than "
            f"quality.min_auc, {quality.min_auc:g} (chance is 0.5), so it may not choose "
            "documents; name more or other positives and negatives, or leave out what goes by the "
            "score (shares, cut, match, drop_lowest_fraction)"
        )


def quality_alarms(classifiers: Figures, quality: Quality | None) -> tuple[str, ...]:
    """Return what is to be doubted of a quality model whose scores choose documents."""
    if quality is None or not quality.chooses:
        return ()
    figures = classifiers["quality"]
    if not figures.get("by_document"):
        return (
            "quality: the model chose documents and nothing is known of how good it is; give "
            "positives and negatives beside it, to test it on",
        )
    auc = (figures.get("by_source") or {}).get("auc")
    if auc is not None and auc < quality.min_auc:
        return (
            f"quality: on sources it has not seen the model has an AUC of {auc:.2f} (chance is "
            "0.5): it knows its examples’ sources, and may tell little of others",
        )
    return ()
