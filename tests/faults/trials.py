"""One submit of a storm (``random_kills``): who was killed when, and what must be true then."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from runyard.record.events import State, read_state
from runyard.record.layout import RunDirectory
from runyard.record.states import Reason

SCRIPT = """
import os, sys, time
if os.environ.get("RANK", "0") != "0":
    sys.exit()
with open(sys.argv[1], "ab") as stream:
    stream.write(b"x")
os.makedirs("outputs", exist_ok=True)
with open("outputs/result.txt", "w") as stream:
    stream.write("a result")
time.sleep(float(sys.argv[3]))
sys.exit(int(sys.argv[2]))
"""


@dataclass
class Trial:
    """One submit. ``at``: before which call who is killed; ``code``: what the script ends with."""

    number: int
    kind: str
    at: int
    moment_s: float
    code: int
    folder: Path
    runner_at: int = 0
    """Of the kind reader: before which call the runner is killed that it is to find."""
    said: list[str] = field(default_factory=list)
    """What the process that submits was told before it was gone: the run's id."""

    def __str__(self) -> str:
        where = f"after {self.moment_s:.4f} s" if self.kind == "any" else f"at call {self.at}"
        where += f", its runner at call {self.runner_at}" if self.runner_at else ""
        return f"trial {self.number}: {self.kind} {where}, exit code {self.code}"

    @property
    def starts(self) -> Path:
        """One byte for each time that the script was started."""
        return self.folder / f"starts-of-{self.number}."

    @property
    def count(self) -> int:
        """How often the script was started."""
        return self.starts.stat().st_size if self.starts.exists() else 0

    @property
    def true_reason(self) -> Reason:
        """How the run ends when nobody disturbs it."""
        return Reason.SCRIPT_EXIT_CODE if self.code else Reason.COMPLETED


NOT_STARTED = {Reason.RUNNER_LOST, Reason.CANCELLED, Reason.SIGNAL, Reason.LAUNCH_FAILED}
"""How one may end whose script has not come to its first line: of these it says itself why."""

ALLOWED: dict[str, set[Reason]] = {
    "cancel": {Reason.CANCELLED},
    "witness": {Reason.LAUNCH_FAILED},
    "gang": {Reason.RUNNER_LOST},
    "any": {Reason.SIGNAL},
}
"""How a run whose script was started may end, other than as that did."""


def end(trial: Trial, run: RunDirectory | None) -> str:
    """How it came out, in a word. Raises AssertionError where that may not be."""
    said = "" if trial.said else "submit had not returned: "
    assert trial.count <= 1, f"the script was started {trial.count} times"
    if run is None:
        assert not trial.count, "the script of no run was started"
        return f"{said}no run"
    state = read_state(run)
    assert state.reason is not None
    allowed = ALLOWED.get(trial.kind, set()) if trial.count else NOT_STARTED
    text = f"{said}it ended as {state.reason.value}: {state.detail}"
    assert state.reason in allowed | {trial.true_reason}, text
    if state.reason in (Reason.COMPLETED, Reason.SCRIPT_EXIT_CODE):
        _check_result(trial, run, state)
    return f"{said}{state.reason.value}"


def _check_result(trial: Trial, run: RunDirectory, state: State) -> None:
    assert trial.count == 1, "it says how the script ended, which never began"
    assert state.detail["exit_code"] == trial.code, state.detail
    result = Path(run.outputs, "result.txt")
    assert result.read_text() == "a result"
