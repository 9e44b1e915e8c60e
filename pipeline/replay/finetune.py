"""Replay fine-tuning, from a finished build to a measured result, in reading order.

Reads BUILD/, a base model's folder and a task's file; writes results of base and arms to the
store, and the output folder: checkpoints, a model card, and manifest.json last. Always true:
inputs are checked before any time is spent; what the store holds is not trained again.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.fingerprint import file_sha256, fingerprint
from pipeline.output import check_writable
from pipeline.replay.account import as_evaluations, describe
from pipeline.replay.arm import Arm, ArmResult, Experiment, arm_facts, run_arm
from pipeline.replay.base import BaseModel, Pretraining, model_facts, pretrain
from pipeline.replay.card import count_licences
from pipeline.replay.data import (
    TASK,
    TaskData,
    by_domain,
    pack_corpus,
    prepare_heldout,
    prepare_task,
)
from pipeline.replay.decoder import num_threads, reproducible
from pipeline.replay.evaluate import Loss, evaluate
from pipeline.replay.forgetting import measure_forgetting
from pipeline.replay.inputs import Inputs, read_inputs
from pipeline.replay.logs import FOLDER_SUFFIX
from pipeline.replay.model import load_for_training
from pipeline.replay.probe import recommend
from pipeline.replay.ranks import ALONE, Ranks
from pipeline.replay.tokenizer import load_tokenizer
from pipeline.replay.training import explaining_full_memory
from pipeline.replay.versions import training_versions
from pipeline.replay.write import Checkpoint, write_output
from pipeline.store import Store
from schemas.finetune import FinetuneConfig, FinetuneManifest, HeldoutFacts
from schemas.finetune_inputs import RecordsTask

BASE_ARM = "base"

Progress = Callable[[str], None]


def finetune(
    config: FinetuneConfig,
    base: Path,
    output: Path,
    store: Store,
    progress: Progress,
    ranks: Ranks = ALONE,
) -> FinetuneManifest:
    """Fine-tune every arm with every seed, and measure what each forgets.

    `base` is the folder that the config's relative paths start from; `progress` gets one line at
    most for each evaluation. Of several ranks, all of which must share store and inputs, the leader
    writes. Raises InputError where build, model or task cannot be used, and
    TrainingError where a loss is not finite.
    """
    check_writable(output)
    inputs = ranks.first(lambda: read_inputs(config, base, store))
    with reproducible(num_threads(config.threads)):
        start = ranks.first(lambda: obtain_base(config, inputs, store, progress))
        experiment, task = prepare(config, inputs, start, _own_template(config, base), ranks)
        before = measure_base(experiment)
        experiment = replace(experiment, before=before)
        progress(f"base: {describe(before)}")
        advice = None
        if config.replay_fractions == "auto":
            advice = recommend(experiment, store, progress)
        fractions = (advice.fraction,) if advice else config.given_fractions
        arms = [Arm(experiment, part, seed) for part in fractions for seed in config.seeds]
        logs = (
            output.with_name(output.name + FOLDER_SUFFIX) if config.training.tensorboard else None
        )
        results = [run_arm(arm, store, progress, logs) for arm in arms]
    facts = {**start.facts, **model_facts(start.folder), "identity": start.identity}
    manifest = summarise(experiment, inputs, facts, task, results)
    manifest = manifest.model_copy(update={"recommendation": advice})
    if not ranks.leads:
        return manifest
    checkpoints = [
        Checkpoint(result.arm.name, result.arm.seed, result.folder)
        for result in results
        if result.arm.keeps_model
    ]
    return write_output(output, manifest, checkpoints, count_licences(inputs.split.anchor))


def obtain_base(
    config: FinetuneConfig, inputs: Inputs, store: Store, progress: Progress
) -> BaseModel:
    """Return the trained base that was given, or a fresh one pre-trained on the original half."""
    if isinstance(inputs.start, BaseModel):
        return inputs.start
    job = Pretraining(
        decoder=inputs.start,
        documents=inputs.split.original,
        shares=inputs.shares,
        context=config.context,
        threads=num_threads(config.threads),
        identity=inputs.identity,
    )
    return pretrain(job, store, progress)


def measure_base(experiment: Experiment) -> dict[str, Loss]:
    """Return the base's own losses: of the model that is trained, before it is.

    With adapters to a quantised base this is the quantised one, which is no worse for the training.
    """
    settings = experiment.config.training
    with explaining_full_memory("base"):
        model = load_for_training(experiment.base_folder, settings)
        model.eval()  # type: ignore[no-untyped-call]
        return evaluate(model, experiment.heldout, settings, experiment.ranks)


def prepare(
    config: FinetuneConfig,
    inputs: Inputs,
    start: BaseModel,
    template: Path | None,
    ranks: Ranks = ALONE,
) -> tuple[Experiment, TaskData]:
    """Tokenise and pack task, anchor and held-out documents with the base's tokenizer."""
    encoder = load_tokenizer(start.folder)
    task = prepare_task(inputs.candidates, encoder, config)
    experiment = Experiment(
        config=config,
        base_folder=start.folder,
        identity=fingerprint(
            (start.identity, inputs.identity, inputs.candidates.identity),
            file_sha256(template) if template else None,
            (config.task.max_examples, config.task.num_heldout, config.heldout_sequences),
            (config.context, num_threads(config.threads), ranks.size, training_versions()),
        ),
        task=task.training,
        anchor=pack_corpus(inputs.split.anchor, inputs.shares, encoder, config.context),
        heldout={**prepare_heldout(inputs.anchor.heldout, encoder, config), TASK: task.heldout},
        before={},
        chat_template=template,
        ranks=ranks,
    )
    return experiment, task


def _own_template(config: FinetuneConfig, base: Path) -> Path | None:
    """Return the file of the chat template that the task names instead of the model's."""
    task = config.task
    named = task.chat_template if isinstance(task, RecordsTask) else None
    return base / named if named else None


def summarise(
    experiment: Experiment,
    inputs: Inputs,
    base_facts: dict[str, Any],
    task: TaskData,
    results: Sequence[ArmResult],
) -> FinetuneManifest:
    """Return the manifest, as yet without files."""
    config = experiment.config
    base_rows = as_evaluations(BASE_ARM, seed=0, step=0, losses=experiment.before)
    arm_rows = [row for result in results for row in result.evaluations]
    fractions = dict.fromkeys(result.arm.fraction for result in results)
    by_fraction = [[each for each in results if each.arm.fraction == part] for part in fractions]
    return FinetuneManifest(
        name=config.name,
        config=config.model_dump(mode="json"),
        anchor_fingerprint=inputs.anchor.fingerprint,
        base=base_facts,
        task=task.facts,
        versions=training_versions(),
        heldout=heldout_facts(experiment, inputs),
        arms=tuple(arm_facts(of_one) for of_one in by_fraction),
        evaluations=(*base_rows, *arm_rows),
        forgetting=tuple(measure_forgetting(base_rows, arm_rows)),
        training=tuple(point for result in results for point in result.training),
        files=(),
    )


def heldout_facts(experiment: Experiment, inputs: Inputs) -> dict[str, HeldoutFacts]:
    """Count what each domain's loss is measured on."""
    documents = by_domain(inputs.anchor.heldout)
    return {
        domain: HeldoutFacts(
            num_documents=len(documents[domain]),
            num_tokens=int(part.packed.num_scored().sum()),
        )
        for domain, part in experiment.heldout.items()
        if domain != TASK
    }
