"""Scheduled builds: served from this process, or registered for the workers of a work pool.

A deployment's parameters are those of `build_flow`; the recipe stays a file, so what runs next
week is what the file says next week. One deployment never runs twice at a time: a run that comes
while another is at work waits for it, and where nothing has changed by then it ends in seconds.
"""

import difflib
import json
import re
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.flows import Flow
from prefect.schedules import Cron, Interval, Schedule

from flows.build import build_flow
from flows.check import OUTPUTS
from flows.terminal import say
from pipeline.errors import InputError
from pipeline.storage.objects import is_address
from pipeline.store import DEFAULT_STORE
from schemas.recipe import Recipe

ENTRYPOINT = "flows/build.py:build_flow"
PROJECT = Path(__file__).resolve().parents[1]
ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class When:
    """When a deployment runs: at the times of a cron expression, every so often, or when asked."""

    cron: str | None
    interval: str | None
    timezone: str

    def schedule(self) -> Schedule | None:
        """Return the schedule; raise InputError where what is given is not one."""
        if self.cron is not None and self.interval is not None:
            raise InputError("--cron and --interval: give one of them")
        zone = _timezone(self.timezone)
        if self.interval is not None:
            return Interval(_interval(self.interval), timezone=zone)
        if self.cron is not None:
            return Cron(_cron(self.cron), timezone=zone)
        return None

    def describe(self) -> str:
        """Return the times in words that follow "runs"."""
        if self.interval is not None:
            return f"every {self.interval}"
        return "when asked to" if self.cron is None else f"at {self.cron!r} ({self.timezone})"


def deploy_build(
    path: Path,
    recipe: Recipe,
    name: str,
    when: When,
    work_pool: str | None,
    output: str | None,
    overrides: Sequence[str],
    runtime: Path | None = None,
) -> None:
    """Serve the recipe's builds until interrupted, or register them with `work_pool`.

    A deployment of the same name is replaced. Raises InputError where the times are not a
    schedule, the work pool does not exist, or the server refuses the deployment.
    """
    schedule = when.schedule()
    parameters = _parameters(path, recipe, output, overrides, runtime)
    if work_pool is not None:
        _register(name, schedule, work_pool, parameters)
        say(_next_steps(name, when, work_pool))
        return
    say(f"Serving anchor-build/{name}, which runs {when.describe()}; stop with Ctrl-C")
    say(f"  run it now:  prefect deployment run anchor-build/{name}")
    build_flow.serve(
        name=name,
        schedule=schedule,
        parameters=parameters,
        global_limit=ONE_AT_A_TIME,
        limit=1,
        print_starting_message=False,
    )


def _parameters(
    path: Path,
    recipe: Recipe,
    output: str | None,
    overrides: Sequence[str],
    runtime: Path | None,
) -> dict[str, Any]:
    """Return what the flow is given; every path is absolute, as a worker runs elsewhere."""
    store = _absolute(recipe.runtime.store or str(DEFAULT_STORE))
    return {
        "recipe": str(path.absolute()),
        "output": _absolute(output or str(OUTPUTS / recipe.name)),
        "overrides": [*overrides, f"runtime.store={json.dumps(store)}"],
        **({} if runtime is None else {"runtime": str(runtime.absolute())}),
    }


def _absolute(place: str) -> str:
    """Return a folder, or an address, that means the same wherever a worker runs."""
    return place if is_address(place) else str(Path(place).absolute())


def _next_steps(name: str, when: When, work_pool: str) -> str:
    return (
        f"Registered anchor-build/{name} for work pool {work_pool!r}; it runs {when.describe()}.\n"
        f"  start a worker:  prefect worker start --pool {work_pool}\n"
        f"  run it now:      prefect deployment run anchor-build/{name}\n"
        f"  see its runs:    prefect flow-run ls --flow-name anchor-build\n"
        f"  be told when it fails: data/automations"
    )


def _cron(text: str) -> str:
    try:
        CronSchedule(cron=text)
    except ValueError:
        raise InputError(
            f"--cron {text!r}: not a cron expression; give minute, hour, day, month and "
            "weekday, as in '0 3 * * 1' for Mondays at three"
        ) from None
    return text


def _interval(text: str) -> timedelta:
    match = re.fullmatch(r"([1-9][0-9]{0,4})([mhdw])", text)
    if match is None:
        raise InputError(
            f"--interval {text!r}: give a number of minutes, hours, days or weeks, as in 90m, 6h, "
            "7d or 2w"
        )
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def _timezone(name: str) -> str:
    known = {"UTC", *zoneinfo.available_timezones()}
    if name not in known:
        close = difflib.get_close_matches(name, sorted(known), n=1)
        hint = f"did you mean {close[0]!r}?" if close else "give one as in Europe/Berlin or UTC"
        raise InputError(f"--timezone {name!r}: no such time zone; {hint}")
    return name


def _register(
    name: str, schedule: Schedule | None, work_pool: str, parameters: dict[str, Any]
) -> None:
    source = Flow.from_source(source=str(PROJECT), entrypoint=ENTRYPOINT)
    deployment = source.to_deployment(  # type: ignore[union-attr]
        name=name,
        work_pool_name=work_pool,
        schedules=[] if schedule is None else [schedule],
        parameters=parameters,
        concurrency_limit=ONE_AT_A_TIME,
    )
    try:
        with get_client(sync_client=True) as client:
            client.read_work_pool(work_pool)
        cast(RunnerDeployment, deployment).apply()
    except ObjectNotFound:
        raise InputError(
            f"--work-pool {work_pool!r}: there is none; make it with `prefect work-pool create "
            f"{work_pool} --type process`"
        ) from None
    except PrefectHTTPStatusError as error:
        raise InputError(f"the Prefect server refused deployment {name!r}: {error}") from error
