"""Progress of a build: a log line for each stage, more where one takes long, and a bar in Prefect.

Reads what the runtime reports, and the clock; writes to the project's log and to one progress
artifact of the flow run.
"""

import contextvars
import logging
import re
import threading
import time
from types import TracebackType
from typing import Self
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from schemas.manifest import StageTime

EXPECTED_STAGES = 14  # of a build; the bar stays below 100 % until the build is done
FIRST_SIGN = 5.0
"""Seconds after which a stage that still runs is spoken of."""
NEXT_SIGN = 30.0

logger = logging.getLogger("anchor.build")


class RunningStage:
    """A stage that runs: logs how far it is after 5 seconds, then every 30, until it is over."""

    def __init__(self, name: str, num_items: int) -> None:
        self._name = name
        self._num_items = num_items
        self._num_done = 0
        self._started = time.monotonic()
        self._over = threading.Event()
        self._lock = threading.Lock()
        # In the context of the flow run, or Prefect would not know whose lines they are.
        watch = contextvars.copy_context().run
        threading.Thread(target=watch, args=(self._watch,), daemon=True).start()

    def advance(self, num_items: int) -> None:
        """Count items as done; called from any thread."""
        with self._lock:
            self._num_done += num_items

    def end(self) -> None:
        """Fall silent."""
        self._over.set()

    def _watch(self) -> None:
        pause = FIRST_SIGN
        while not self._over.wait(pause):
            logger.info(self._describe())
            pause = NEXT_SIGN

    def _describe(self) -> str:
        line = f"{self._name:<14}{time.monotonic() - self._started:7.1f} s  running"
        if self._num_items > 1:
            line += f", {self._num_done} of {self._num_items} units done"
        return line


class Progress:
    """Follows the stages of one build; leaving its context ends what is still watched."""

    def __init__(self, name: str) -> None:
        self._num_stages = 0
        self._running: RunningStage | None = None
        key = artifact_key(name, "progress")
        self._artifact = UUID(str(create_progress_artifact(progress=0.0, key=key)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end_running()

    def stage_begun(self, name: str, num_items: int) -> None:
        """Note that a stage begins to work on `num_items` items."""
        if num_items:
            self._running = RunningStage(name, num_items)
            self._show(self._fraction(), f"{name}: running")

    def items_done(self, num_items: int) -> None:
        """Note that the running stage has done some of its items."""
        if self._running is not None:
            self._running.advance(num_items)

    def stage_done(self, stage: StageTime) -> None:
        """Note the end of a stage."""
        self._end_running()
        self._num_stages += 1
        logger.info(describe(stage))
        self._show(self._fraction(), describe(stage))

    def finish(self, text: str) -> None:
        """Note the end of the build."""
        self._show(100.0, text)

    def _end_running(self) -> None:
        if self._running is not None:
            self._running.end()
            self._running = None

    def _fraction(self) -> float:
        """Return the share of the work that is done, in percent."""
        return min(99.0, 100 * self._num_stages / EXPECTED_STAGES)

    def _show(self, progress: float, description: str) -> None:
        update_progress_artifact(self._artifact, progress=progress, description=description)


def artifact_key(name: str, subject: str) -> str:
    """Return the key of a build's artifact: Prefect allows small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", f"{name}-{subject}")


def describe(stage: StageTime) -> str:
    """Return one line on what a stage did, narrower than 80 columns."""
    line = f"{stage.name:<14}{stage.seconds:7.1f} s  {_items(stage):<24}"
    if stage.num_bytes and stage.seconds:
        megabytes = stage.num_bytes / 1e6
        line += f"{megabytes:8.1f} MB {megabytes / stage.seconds:7.1f} MB/s"
    return line.rstrip()


def _items(stage: StageTime) -> str:
    if stage.num_items <= 1:
        return "reused" if stage.num_reused else ""
    if stage.num_reused == stage.num_items:
        return f"{stage.num_items} units, reused"
    if stage.num_reused:
        return f"{stage.num_items - stage.num_reused} of {stage.num_items} units"
    return f"{stage.num_items} units"
