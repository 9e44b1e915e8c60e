"""Progress of a run: a bar in Prefect's interface, and a line for each stage."""

from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from schemas.manifest import StageTime

EXPECTED_STAGES = 14  # of a build; the bar stays below 100 % until the build is done


class ProgressArtifact:
    """A progress artifact that moves on with every stage."""

    def __init__(self, key: str) -> None:
        self._num_done = 0
        self._id = UUID(str(create_progress_artifact(progress=0.0, key=key)))

    def stage_done(self, stage: StageTime) -> None:
        """Note the end of a stage."""
        self._num_done += 1
        self._show(min(99.0, 100 * self._num_done / EXPECTED_STAGES), describe(stage))

    def finish(self, text: str) -> None:
        """Note the end of the run."""
        self._show(100.0, text)

    def _show(self, progress: float, description: str) -> None:
        update_progress_artifact(artifact_id=self._id, progress=progress, description=description)


def describe(stage: StageTime) -> str:
    """Return one line on what a stage did, narrower than 80 columns."""
    line = f"{stage.name:<14}{stage.seconds:7.1f} s  {_units(stage):<24}"
    if stage.num_bytes and stage.seconds:
        megabytes = stage.num_bytes / 1e6
        line += f"{megabytes:8.1f} MB {megabytes / stage.seconds:7.1f} MB/s"
    return line.rstrip()


def _units(stage: StageTime) -> str:
    if stage.num_items <= 1:
        return "reused" if stage.num_reused else ""
    if stage.num_reused == stage.num_items:
        return f"{stage.num_items} units, reused"
    if stage.num_reused:
        return f"{stage.num_items - stage.num_reused} of {stage.num_items} units"
    return f"{stage.num_items} units"
