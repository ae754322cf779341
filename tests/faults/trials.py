"""One submit of a storm (``random_kills``): who was killed when, and what must be true then."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from runyard.record.events import State, read_state
from runyard.record.layout import RunDirectory
from runyard.record.states import Reason

SCRIPT = """
import os, sys, time
if "PMI_RANK" in os.environ:
    from mpi4py import MPI
if os.environ.get("RUNYARD_RANK", "0") != "0":
    sys.exit()
with open(sys.argv[1], "ab") as stream:
    stream.write(b"x")
print("begun", flush=True)
os.makedirs("outputs", exist_ok=True)
with open("outputs/result.txt", "w") as stream:
    stream.write("a result")
time.sleep(float(sys.argv[3]))
while sys.argv[4:] and not os.path.exists(sys.argv[4]):
    time.sleep(0.005)
print("ends with", sys.argv[2], flush=True)
sys.exit(int(sys.argv[2]))
"""
"""Arguments: where to note its start, exit code, seconds that it takes, file that it waits for."""

POOLED = ("queue", "node", "kick", "leave", "pool")
"""Kinds of two runs of a pool with one node."""
OF_RUNNERS = ("runner", "gang", "mpi", "container", "containers", "node")
"""Kinds of which a runner is killed, before one of its calls."""
SLURM = (
    *("slurm-submit", "slurm-runner", "slurm-batch", "slurm-rank"),
    *("slurm-controller", "slurm-node"),
)
"""Kinds on a cluster; of all but the first somebody is killed there, at a drawn moment."""
MOMENTS = ("any", "pool", "client", *SLURM[1:])
"""Kinds of which any process is killed, at a drawn moment."""


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
    has_node: bool = False
    """Of two runs of a pool: whether it is the one that the other one waits for."""

    def __str__(self) -> str:
        where = f"at call {self.at}"
        if self.kind in MOMENTS:
            where = f"after {self.moment_s:.4f} s"
        where += f", its runner at call {self.runner_at}" if self.runner_at else ""
        of = " (the run that has the node)" if self.has_node else ""
        return f"trial {self.number}: {self.kind} {where}, exit code {self.code}{of}"

    def ahead(self) -> Trial:
        """The run of the pool for whose end that of this trial waits."""
        return replace(self, said=[], has_node=True)

    @property
    def gate(self) -> Path:
        """The script of the run that has the node waits for this file."""
        return self.folder / f"gate-of-{self.number}"

    @property
    def starts(self) -> Path:
        """One byte for each time that the script was started."""
        return self.folder / "starts" / f"of-{self.number}{'-ahead' if self.has_node else ''}."

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
    "leave": {Reason.CANCELLED},
    "witness": {Reason.LAUNCH_FAILED},
    "gang": {Reason.RUNNER_LOST},
    "mpi": {Reason.RUNNER_LOST},
    "containers": {Reason.RUNNER_LOST},
    "any": {Reason.SIGNAL, Reason.LAUNCH_FAILED},
    "pool": {Reason.SIGNAL, Reason.LAUNCH_FAILED},
    "client": {Reason.SIGNAL, Reason.NODE_LOST},
    "slurm-batch": {Reason.RUNNER_LOST},
    "slurm-rank": {Reason.SIGNAL, Reason.NODE_LOST},  # of a rank; of an srun, or a rank's shell
    "slurm-controller": {Reason.RUNNER_LOST},
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
    text = f"{said}it ended as {state.reason.value}: {state.detail}"
    assert state.reason in _allowed(trial) | {trial.true_reason}, text
    if trial.count and state.reason is Reason.RUNNER_LOST and trial.kind not in SLURM:
        assert _SOME in state.detail["error"]["message"], text
    if state.reason in (Reason.COMPLETED, Reason.SCRIPT_EXIT_CODE):
        _check_result(trial, run, state)
    return f"{said}{state.reason.value}"


_SOME = "It was killed while it was starting the processes of the run."
"""Of several processes some had begun, and others not."""


def _allowed(trial: Trial) -> set[Reason]:
    """How the run may end, other than as its script does."""
    disturbed = trial.has_node == (trial.kind == "node")
    if trial.kind in POOLED and trial.kind != "pool" and not disturbed:
        # Of two runs of a pool, the other one was killed, or its submitter.
        return set() if trial.kind != "kick" or trial.count else NOT_STARTED
    if trial.kind == "kick":  # of a run that waits, only who looks at it was killed
        return set()
    if trial.count:
        return ALLOWED.get(trial.kind, set())
    if trial.kind in SLURM:  # nobody has cancelled it
        lost = {Reason.NODE_LOST} if trial.kind in ("slurm-node", "slurm-rank") else set()
        return NOT_STARTED - {Reason.CANCELLED} | lost
    return NOT_STARTED | ({Reason.NODE_LOST} if trial.kind == "client" else set())


def _check_result(trial: Trial, run: RunDirectory, state: State) -> None:
    assert trial.count == 1, "it says how the script ended, which never began"
    assert state.detail["exit_code"] == trial.code, state.detail
    result = Path(run.outputs, "result.txt")
    assert result.read_text() == "a result"
    said = "".join(path.read_text() for path in Path(run.path, "user_logs").glob("*.txt"))
    assert [said.count(mark) for mark in ("begun\n", f"ends with {trial.code}\n")] == [1, 1], said
