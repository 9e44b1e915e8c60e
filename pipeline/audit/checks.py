"""What a check is, and what a verification gives back."""

from collections.abc import Iterable
from dataclasses import dataclass

MAX_SHOWN = 5


@dataclass(frozen=True)
class Check:
    """One thing that must hold: whether it does, and if not, the first few places."""

    name: str
    ok: bool
    message: str


@dataclass(frozen=True)
class VerifyResult:
    """All checks of one output, in the order they were made."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return all(check.ok for check in self.checks)


def judge(name: str, problems: Iterable[str]) -> Check:
    """Return a check that holds if there are no problems; all are counted, the first are named."""
    shown: list[str] = []
    count = 0
    for problem in problems:
        count += 1
        if count <= MAX_SHOWN:
            shown.append(problem)
    if count > MAX_SHOWN:
        shown.append(f"and {count - MAX_SHOWN:,} more")
    return Check(name, ok=count == 0, message="; ".join(shown))
