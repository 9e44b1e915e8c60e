"""The whole fine-tune on a generated build: contracts, caching, determinism, errors."""

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.errors import InputError, TrainingError
from pipeline.output import read_manifest
from pipeline.replay.finetune import finetune
from pipeline.store import Store
from schemas.finetune import FinetuneConfig, FinetuneManifest

MakeConfig = Callable[..., FinetuneConfig]


def run(config: FinetuneConfig, folder: Path, store: Store) -> FinetuneManifest:
    return finetune(config, folder, folder / "out", store, lambda line: None)


def test_output_is_complete(make_config: MakeConfig, tmp_path: Path, store: Store) -> None:
    manifest = run(make_config(), tmp_path, store)
    assert read_manifest(tmp_path / "out") == manifest
    paths = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    written = {path.relative_to(tmp_path / "out").as_posix() for path in paths}
    assert written == {entry.path for entry in manifest.files} | {"manifest.json"}
    for entry in manifest.files:
        content = (tmp_path / "out" / entry.path).read_bytes()
        assert len(content) == entry.num_bytes
        assert hashlib.sha256(content).hexdigest() == entry.sha256


def test_measurements_cover_arms_seeds_steps_and_domains(
    make_config: MakeConfig, tmp_path: Path, store: Store
) -> None:
    manifest = run(make_config(), tmp_path, store)
    domains = ["web", "code", "legal", "task"]
    found = [(e.arm, e.seed, e.step, e.domain) for e in manifest.evaluations]
    arms = ["replay 0", "replay 0.25"]
    assert found == [("base", 0, 0, domain) for domain in domains] + [
        (arm, seed, step, domain)
        for arm in arms
        for seed in (0, 1)
        for step in (3, 6)
        for domain in domains
    ]
    rises = [(f.arm, f.domain) for f in manifest.forgetting]
    assert rises == [(arm, name) for arm in arms for name in (*domains[:-1], "mean", "task")]
    assert all(f.low is not None and f.low <= f.mean <= f.high for f in manifest.forgetting)
    assert {point.anchor_loss is None for point in manifest.training} == {True, False}


def test_every_arm_trains_on_the_same_task_tokens(
    make_config: MakeConfig, tmp_path: Path, store: Store
) -> None:
    none, quarter = run(make_config(), tmp_path, store).arms
    assert none.num_task_tokens == quarter.num_task_tokens
    assert none.num_anchor_tokens == 0
    sequences = 2 * 96 / 2  # half a packed sequence for each of two seeds
    assert abs(quarter.num_anchor_tokens - quarter.num_task_tokens / 3) <= sequences
    assert sum(quarter.num_anchor_tokens_by_domain.values()) == quarter.num_anchor_tokens
    assert quarter.num_unique_anchor_tokens <= quarter.num_anchor_tokens


def test_a_second_run_trains_nothing(make_config: MakeConfig, tmp_path: Path, store: Store) -> None:
    first = run(make_config(), tmp_path, store)
    lines: list[str] = []
    second = finetune(make_config(), tmp_path, tmp_path / "out", store, lines.append)
    assert second == first
    assert not any("step" in line for line in lines)


def test_another_store_gives_the_same_result(
    make_config: MakeConfig, tmp_path: Path, store: Store
) -> None:
    first = run(make_config(), tmp_path / "a", store)
    second = run(make_config(), tmp_path / "b", Store(tmp_path / "other"))
    assert first.evaluations == second.evaluations
    assert first.files == second.files


def test_a_killed_run_goes_on_with_the_arms_left(
    make_config: MakeConfig, tmp_path: Path, store: Store
) -> None:
    reference = run(make_config(), tmp_path / "a", store)
    fresh = Store(tmp_path / "store")

    def die(line: str) -> None:
        if line.startswith("replay 0.25, seed 0"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(make_config(), tmp_path, tmp_path / "out", fresh, die)
    assert not (tmp_path / "out").exists()
    lines: list[str] = []
    manifest = finetune(make_config(), tmp_path, tmp_path / "out", fresh, lines.append)
    assert not any(line.startswith(("base step", "replay 0, ")) for line in lines)
    assert manifest.evaluations == reference.evaluations


def test_checkpoints_load_in_transformers(
    make_config: MakeConfig, tmp_path: Path, store: Store
) -> None:
    run(make_config(), tmp_path, store)
    folder = tmp_path / "out" / "checkpoints" / "replay-0.25-seed0"
    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    text = "def load(x):\n    return x  # naïve"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert model(**tokenizer(text, return_tensors="pt")).logits.shape[-1] == 400
    assert tokenizer.eos_token_id == model.config.eos_token_id


def test_a_pretrained_base_replays_everything(
    make_config: MakeConfig, tiny_model: Path, tmp_path: Path, store: Store
) -> None:
    config = make_config(base={"kind": "pretrained", "path": str(tiny_model)})
    manifest = run(config, tmp_path, store)
    assert manifest.base["kind"] == "pretrained"
    assert manifest.base["vocabulary_size"] == 400


def test_a_task_from_a_file(make_config: MakeConfig, tmp_path: Path, store: Store) -> None:
    rows = [{"prompt": f"{n} plus {n} is", "completion": f" {2 * n}"} for n in range(40)]
    rows += [{"prompt": "no answer"}, {"prompt": "long " * 400, "completion": "x"}]
    (tmp_path / "task.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    task = {"kind": "records", "path": "task.jsonl", "num_heldout": 8}
    manifest = run(make_config(task=task, seeds=(0,)), tmp_path, store)
    assert manifest.task["num_examples"] == 32
    assert manifest.task["num_heldout_examples"] == 8
    assert manifest.task["skipped"] == {"missing_field": 1, "longer_than_context": 1}
    assert all(f.low is None for f in manifest.forgetting)


def test_every_record_is_used_or_counted(
    make_config: MakeConfig, tmp_path: Path, store: Store
) -> None:
    rows = [{"prompt": f"{n // 2} plus {n} is", "completion": f" {2 * n}"} for n in range(300)]
    (tmp_path / "task.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    task = {"kind": "records", "path": "task.jsonl", "num_heldout": 8, "max_examples": 100}
    facts = run(make_config(task=task, seeds=(0,)), tmp_path, store).task
    used = facts["num_examples"] + facts["num_heldout_examples"]
    assert (facts["num_examples"], used + facts["skipped"]["not_needed"]) == (100, 300)


def test_what_the_loss_is_measured_on_is_counted(
    make_config: MakeConfig, build_folder: Path, tmp_path: Path, store: Store
) -> None:
    manifest = run(make_config(seeds=(0,)), tmp_path, store)
    held_out = pq.read_table(build_folder / "heldout").to_pylist()
    assert {domain: facts.num_documents for domain, facts in manifest.heldout.items()} == Counter(
        row["domain"] for row in held_out
    )
    assert all(facts.num_tokens > 0 for facts in manifest.heldout.values())
    card = (tmp_path / "out" / "README.md").read_text()
    for domain, facts in manifest.heldout.items():
        assert (f"{domain} was measured on" in card) == (facts.num_documents < 10)


def test_a_loss_that_is_not_finite_names_arm_and_step(
    make_config: MakeConfig, tmp_path: Path, store: Store
) -> None:
    with pytest.raises(TrainingError, match=r"replay 0, seed 0, step [2-6] of 6: the loss is nan"):
        run(make_config(learning_rate=1e38), tmp_path, store)
    assert not (tmp_path / "out").exists()


def test_a_run_stops_where_its_forgetting_budget_is_spent(
    make_config: MakeConfig, tmp_path: Path, store: Store
) -> None:
    config = make_config(
        forgetting_budget=1e-6, learning_rate=0.05, replay_fractions=(0.0,), seeds=(0,), steps=9
    )
    manifest = run(config, tmp_path, store)
    assert manifest.arms[0].stopped_at == {0: 3}  # the first measurement
    assert max(row.step for row in manifest.evaluations) == 3
    assert (
        manifest.arms[0].num_task_tokens
        < run(config.model_copy(update={"forgetting_budget": 50.0}), tmp_path, store)
        .arms[0]
        .num_task_tokens
    )
    [mean] = [row.mean for row in manifest.forgetting if row.domain == "mean"]
    assert mean > 1e-6


def test_a_run_over_its_budget_replays_more_until_half_is_replayed(
    make_config: MakeConfig, tmp_path: Path, store: Store
) -> None:
    config = make_config(
        forgetting_budget=1e-6, over_budget="raise", learning_rate=0.05, seeds=(0,), steps=12,
        replay_fractions=(0.0, 0.15), evaluate_every=2,
    )  # fmt: skip
    manifest = run(config, tmp_path, store)
    without, replayed = manifest.arms
    assert without.stopped_at == {0: 2}  # no replay stays no replay
    assert replayed.raised == {0: ((2, 0.3), (4, 0.5))}
    assert replayed.stopped_at == {0: 6}  # half is replayed and it is not enough
    assert 0.25 < replayed.achieved_replay_fraction < 0.45


def test_a_run_within_its_budget_replays_what_was_asked_for(
    make_config: MakeConfig, tmp_path: Path, store: Store
) -> None:
    config = make_config(forgetting_budget=50.0, over_budget="raise", seeds=(0,))
    manifest = run(config, tmp_path, store)
    assert not any(arm.raised or arm.stopped_at for arm in manifest.arms)


def test_progress_says_how_fast_and_what_was_replayed(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    said: list[str] = []
    config = make_config(replay_fractions=(0.25,), seeds=(0,))
    manifest = finetune(config, tmp_path, tmp_path / "out", Store(tmp_path / "store"), said.append)
    arm = manifest.arms[0]
    last = [line for line in said if "replayed" in line][-1]
    again = arm.num_anchor_tokens - arm.num_unique_anchor_tokens
    assert re.fullmatch(
        rf"  [\d,]+ tokens/s; replayed {arm.achieved_replay_fraction:.1%}: "
        rf"{arm.num_anchor_tokens:,} tokens, {again:,} of them again",
        last,
    )
    assert all(len(line) <= 80 for line in said)


def test_logs_for_tensorboard_hold_what_the_manifest_says(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = make_config(training={"tensorboard": True}, replay_fractions=(0.25,), seeds=(1,))
    manifest = run(config, tmp_path, Store(tmp_path / "store"))
    events = EventAccumulator(str(tmp_path / "out.logs" / "replay-0.25-seed1"))
    events.Reload()
    logged = {e.step: e.value for e in events.Scalars("heldout/legal")}
    measured = {e.step: e.nats_per_token for e in manifest.evaluations
                if e.domain == "legal" and e.arm != "base"}  # fmt: skip
    assert logged == pytest.approx(measured)
    assert len(events.Scalars("train/task_loss")) == config.steps
    last = events.Scalars("train/replay_fraction")[-1].value
    assert last == pytest.approx(manifest.arms[0].achieved_replay_fraction)


def test_probes_find_a_share_that_keeps_to_the_budget(
    make_config: MakeConfig, tmp_path: Path, store: Store
) -> None:
    config = make_config(
        replay_fractions="auto", forgetting_budget=3.0, learning_rate=0.02, steps=20, seeds=(0,)
    )
    manifest = run(config, tmp_path, store)
    advice = manifest.recommendation
    assert advice is not None
    assert manifest.arms[0].requested_replay_fraction == advice.fraction
    assert len(advice.probes) == 4 * 3
    assert {probe.fraction for probe in advice.probes} == {0.0, 0.02, 0.1, 0.3}
    assert advice.predicted <= 3.0
    with pytest.raises(InputError, match="even with half the tokens replayed"):
        run(config.model_copy(update={"forgetting_budget": 1e-9}), tmp_path, store)


def test_auto_without_a_budget_is_refused(make_config: MakeConfig) -> None:
    with pytest.raises(ValueError, match="auto needs a forgetting_budget"):
        make_config(replay_fractions="auto")


def test_dropout_depends_on_the_run_alone(
    make_config: MakeConfig, tiny_model: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "attention_dropout": 0.3}))
    found = []
    for fractions in ((0.0, 0.25), (0.25,)):
        chosen = make_config(
            base={"kind": "pretrained", "path": "model"}, replay_fractions=fractions, seeds=(0,)
        )
        manifest = run(chosen, tmp_path, Store(tmp_path / f"store-{len(fractions)}"))
        found.append([row for row in manifest.evaluations if row.arm == "replay 0.25"])
    assert found[0] == found[1] != []


TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


def test_a_model_keeps_the_template_that_it_was_taught_with(
    make_config: MakeConfig, tiny_model: Path, tmp_path: Path, store: Store
) -> None:
    answer = {"role": "assistant", "content": "Yes"}
    chats = [{"messages": [{"role": "user", "content": f"{n}?"}, answer]} for n in range(40)]
    (tmp_path / "chats.jsonl").write_text("\n".join(json.dumps(row) for row in chats))
    (tmp_path / "mine.jinja").write_text(TEMPLATE)
    task = {"kind": "records", "path": "chats.jsonl", "num_heldout": 8}
    config = make_config(
        task={**task, "chat_template": "mine.jinja"},
        base={"kind": "pretrained", "path": str(tiny_model)},
        seeds=(0,),
    )
    run(config, tmp_path, store)
    folder = tmp_path / "out" / "checkpoints" / "replay-0.25-seed0"
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    text = tokenizer.apply_chat_template(chats[0]["messages"], tokenize=False)
    assert text == "[user] 0?\n[assistant] Yes\n"
