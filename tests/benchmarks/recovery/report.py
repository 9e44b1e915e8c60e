"""The table and the plot of what was measured.

Reads HOME; writes RESULTS/README.md, results.json and recovery.svg. Runs that are not there yet are
left out, and the table says on how many pairs of base and seed each row rests.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.recovery.anchors import achieved_shares, estimated_shares
from tests.benchmarks.recovery.plot import draw
from tests.benchmarks.recovery.protocol import (
    ARMS,
    DISTILLED_ORACLE,
    EPOCHS,
    NONE,
    ORACLE,
    PRIMARY_TASK,
    RATIOS,
    TASKS,
    Run,
    Size,
    planned,
)  # fmt: skip
from tests.benchmarks.recovery.results import Compared, Rises, compare
from tests.benchmarks.recovery.runs import SEEN, TASK

Row = dict[str, Any]


def write_report(size: Size, home: Path, folder: Path) -> str:
    """Write the results; return the Markdown."""
    base = json.loads((home / "bases/0/base.json").read_text())
    rows = [
        row
        for task in TASKS
        for ratio in sorted({ratio for arm in ARMS for ratio in arm.ratios if ratio})
        for row in rows_of(task, ratio, size, home, base["shares"], range(size.num_bases))
    ]
    contrast = rows_of(PRIMARY_TASK, max(RATIOS), size, home, base["shares"], [size.over_trained])
    text = "\n\n".join(
        [
            "# How much of what the true data would save an anchor saves",
            _setting(size, base, *_spent(size, home)),
            *(
                _table(f"Task: {task}", of_task)
                for task in TASKS
                if (of_task := [row for row in rows if row["task"] == task])
            ),
            _table(f"A base that read a {EPOCHS}th of its text {EPOCHS} times", contrast),
            _domains([row for row in rows if row["task"] == PRIMARY_TASK and row["ratio"] == 0.25]),
            _mixtures(size, home, base["shares"]),
            "![R with 95 % intervals](recovery.svg)\n",
        ]
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text(text)
    results = {"bases": rows, "over-trained base": contrast}
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "recovery.svg").write_text(draw([r for r in rows if r["task"] == PRIMARY_TASK]))
    return text


def rows_of(
    task: str, ratio: float, size: Size, home: Path, weights: dict[str, float], bases: Sequence[int]
) -> list[Row]:
    """Return a row for each arm that has runs of this task and ratio, from some bases."""
    read = partial(_read, task, size, home, bases)
    none, oracle, distilled = read(NONE, 0.0), read(ORACLE, ratio), read(DISTILLED_ORACLE, ratio)
    rows = []
    for arm in ARMS:
        if arm.is_control and arm.name != NONE and ratio != max(RATIOS):
            continue  # the same at every ratio
        found = read(arm.name, 0.0 if arm.is_control else ratio)
        if not (set(found) & set(none) & set(oracle)):
            continue
        compared = compare(*(_rises(each, weights) for each in (found, none, oracle)), weights)
        seen = compare(*(_rises(each, {SEEN: 1.0}) for each in (found, none, oracle)), {SEEN: 1.0})
        pairs = sorted(set(found) & set(none) & set(oracle))
        alike = None
        if arm.loss == "base" and set(pairs) & set(distilled):
            alike = compare(*(_rises(each, weights) for each in (found, none, distilled)), weights)
        rows.append(
            {
                "task": task, "ratio": ratio, "arm": arm.name, "title": arm.title,
                **asdict(compared), "seen": asdict(seen),
                "recovered_of_distilled": asdict(alike)["recovered"] if alike else None,
                "task_loss": _task_loss(found, pairs),
                "task_loss_above_oracle": _task_loss(found, pairs) - _task_loss(oracle, pairs),
                "achieved_ratio": float(np.mean([found[pair]["ratio"] for pair in pairs])),
                "of_what_none_forgets": _share(compared, none, weights, pairs),
            }
        )  # fmt: skip
    return rows


def _read(
    task: str, size: Size, home: Path, bases: Sequence[int], arm: str, ratio: float
) -> dict[Any, dict[str, Any]]:
    """Return the arrays of an arm's runs by base and seed, with the base's own beside them."""
    found = {}
    for base, seed in product(bases, range(size.num_seeds)):
        path = home / "runs" / f"{Run(base, task, arm, ratio, seed).name}.npz"
        if path.is_file():
            before = np.load(home / "runs" / f"base{base}-{task}.npz")
            after = np.load(path)
            rises = {f"{name}-rise": after[name] - before[name] for name in before.files}
            found[base, seed] = {**{name: after[name] for name in after.files}, **rises}
    return found


def _rises(runs: dict[Any, dict[str, Any]], domains: dict[str, float]) -> Rises:
    nats = {pair: {d: run[f"{d}-rise"] for d in domains} for pair, run in runs.items()}
    first = next(iter(runs.values()))
    return Rises(nats, {domain: first[f"{domain}-tokens"].astype(float) for domain in domains})


def _task_loss(runs: dict[Any, dict[str, Any]], pairs: list[Any]) -> float:
    losses = [runs[pair][TASK].sum() / runs[pair][f"{TASK}-tokens"].sum() for pair in pairs]
    return float(np.mean(losses))


def _share(compared: Compared, none: Any, weights: dict[str, float], pairs: list[Any]) -> float:
    rises = _rises({pair: none[pair] for pair in pairs}, weights)
    without = compare(rises, rises, rises, weights).forgetting.mean
    return compared.forgetting.mean / without


def _spent(size: Size, home: Path) -> tuple[int, float, float]:
    """Return how many runs are made, and the minutes of a core that they and the bases took."""
    facts = [json.loads((home / f"bases/{n}/base.json").read_text()) for n in size.bases]
    files = [home / "runs" / f"{run.name}.npz" for run in planned(size)]
    made = [float(np.load(file)["core_seconds"]) for file in files if file.is_file()]
    return len(made), sum(made) / 60, sum(each["core_seconds"] for each in facts) / 60


def _setting(
    size: Size, base: dict[str, Any], num_made: int, of_runs: float, of_bases: float
) -> str:
    return (
        f"Size {size.name}: {base['num_parameters']:,} parameters, read {base['num_tokens']:,} "
        f"tokens once; {size.num_bases} bases, {size.num_seeds} seeds of each; {size.steps} steps "
        f"of {size.batch_size} task sequences of {size.context} tokens, learning rate "
        f"{size.rate:g}; {size.heldout_rows} held-out rows a domain. {num_made} of "
        f"{len(planned(size))} planned runs are made, in {of_runs:.0f} minutes of a core; bases "
        f"took {of_bases:.0f}.\n\n"
        f"`python -m tests.benchmarks.recovery --size {size.name}` (or `make prove`)\n\n"
        "F: rise of the held-out loss over the base, nats a token, domains weighted by the base's "
        "mixture. R: the part of what the oracle saves, replay of the base's own training "
        "documents, that the arm saves. Distilled: on replayed text the model is held to the "
        "base's predictions instead of the text; beside a distilled oracle, R is of what that "
        "saves. 95 % intervals: bootstrap over bases, seeds and held-out rows."
    )


def _table(title: str, rows: list[Row]) -> str:
    lines = [
        f"## {title}",
        "",
        "| replay | arm | F | F above the oracle's | R | R beside a distilled oracle | "
        "R on rows the base read | task loss | above the oracle's | worst domain | runs |",
        "|---:|---|---:|---:|---:|---:|---:|---:|---:|---|---:|",
    ]
    for row in rows:
        worst = max(row["by_domain"], key=row["by_domain"].__getitem__)
        lines.append(
            f"| {100 * row['ratio']:g} % | {row['title']} | {_shown(row['forgetting'])} "
            f"| {_shown(row['above_oracle'])} | {_shown(row['recovered'])} "
            f"| {_shown(row['recovered_of_distilled'], '')} "
            f"| {_shown(row['seen']['recovered'])} | {row['task_loss']:.3f} "
            f"| {row['task_loss_above_oracle']:+.3f} "
            f"| {worst} {row['by_domain'][worst]:+.3f} | {row['num_pairs']} |"
        )
    return "\n".join(lines)


def _shown(figure: dict[str, float] | None, without: str = "not defined") -> str:
    if figure is None:
        return without
    return "{mean:.3f} [{low:.3f}, {high:.3f}]".format(**figure)


def _domains(rows: list[Row]) -> str:
    """Return F by domain of the primary task at the highest ratio."""
    names = sorted(rows[0]["by_domain"])
    lines = [
        f"## F by domain ({PRIMARY_TASK}, 25 %)",
        "",
        f"| arm | {' | '.join(names)} |",
        f"|---|{'---:|' * len(names)}",
    ]
    for row in rows:
        figures = [f"{row['by_domain'][name]:.3f}" for name in names]
        lines.append(f"| {row['title']} | {' | '.join(figures)} |")
    return "\n".join(lines)


def _mixtures(size: Size, home: Path, true: dict[str, float]) -> str:
    """Return the shares of tokens: true, estimated, and of each build, with their distance."""
    shares: dict[str, dict[str, float]] = {"true": true}
    for base in size.bases:
        for kind in ("tokenizer", "samples", "combined"):
            shares[f"estimated of base {base}: {kind}"] = estimated_shares(home, base, kind)
    for arm in {arm.anchor: arm for arm in ARMS if arm.source in {"same", "other"}}.values():
        number = ", base 0" if arm.mixture == "estimated" else ""
        title = f"{arm.title.removesuffix(', distilled')}{number}"
        shares[f"anchor: {title}"] = achieved_shares(home, arm.name, 0)
    names = sorted({name for each in shares.values() for name in each})
    lines = [
        "## Mixtures, % of tokens",
        "",
        f"| | {' | '.join(names)} | total variation |",
        f"|---|{'---:|' * (len(names) + 1)}",
    ]
    for title, each in shares.items():
        figures = [f"{100 * each.get(name, 0):.1f}" for name in names]
        distance = sum(abs(each.get(name, 0) - true.get(name, 0)) for name in names) / 2
        lines.append(f"| {title} | {' | '.join(figures)} | {distance:.3f} |")
    return "\n".join(lines)
