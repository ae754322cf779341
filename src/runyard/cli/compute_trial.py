"""``runyard compute test``: tiny runs on a compute target, and what they say about it."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.cli import formats, launching, opening
from runyard.cli.doctor.finding import Finding, error, ok, warning
from runyard.cli.request import Request
from runyard.errors import ExperimentExecutionException, UserErrorException
from runyard.history import targets
from runyard.history.reconcile import reconcile_run
from runyard.record import metrics
from runyard.record.events import State, read_state, request
from runyard.record.states import Reason, Status

if TYPE_CHECKING:
    from runyard.history.workspace import Workspace
    from runyard.record.layout import RunDirectory

EXPERIMENT = "compute-test"
_PAUSE_S = 0.1
_LOOK_EVERY_S = 2.0
_CANCEL_S = 30.0

_ONE = """\
import json, os, socket, sys
from runyard import Run

Run.get_context().log("answer", 42)
with open("outputs/trial.txt", "w") as stream:
    stream.write("whole")
print(json.dumps({"host": socket.gethostname(), "cache": os.path.isdir(sys.argv[1])}))
"""

_MEET = """\
import json, os, socket, time

rank, port = int(os.environ["RANK"]), int(os.environ["MASTER_PORT"])
address = os.environ["MASTER_ADDR"]
if rank == 0:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("", port))
    server.listen(1)
    server.settimeout(60)
    peer = server.accept()[0]
    print(json.dumps({"met": peer.recv(100).decode()}))
else:
    until = time.time() + 60
    while True:
        try:
            peer = socket.create_connection((address, port), 10)
            break
        except OSError as error:
            if time.time() > until:
                raise SystemExit("rank 0 at %s:%d cannot be reached: %s" % (address, port, error))
            time.sleep(0.1)
    peer.sendall(socket.gethostname().encode())
"""

_RANK = """\
import os

print("rank", os.environ["OMPI_COMM_WORLD_RANK"], "of", os.environ["OMPI_COMM_WORLD_SIZE"])
"""


def examine(name: str, timeout_s: float, with_mpi: bool) -> Iterator[Finding]:
    """Run tiny jobs on the target of that name, and yield what was found, in order.

    ``timeout_s``: how long each may take, the queue and the environment included; then it is
    cancelled. Raises ComputeTargetException when there is no such target.
    """
    workspace = opening.existing()
    target = targets.load_target(name, workspace.directory)
    yield from _programs(target)
    yield from _containers(target, timeout_s)
    trial = _Trial(workspace, name, timeout_s)
    found = _findings("run", trial.one_process())
    yield from found
    nodes = _node_count(target)
    if nodes < 2 or any(finding.level == "error" for finding in found):
        return
    found = _findings("two nodes", trial.two_nodes())
    yield from found
    if with_mpi and all(finding.level == "ok" for finding in found):
        yield from _findings("MPI", trial.mpi())


def _findings(name: str, produced: Iterator[Finding]) -> list[Finding]:
    """All of them; where the target took no run, that is one."""
    try:
        return list(produced)
    except ExperimentExecutionException as refused:
        return [error(name, refused.message, "change its settings: runyard compute attach")]


def _programs(target: Any) -> Iterator[Finding]:
    slurm = getattr(target, "slurm", None)
    if slurm is None:
        return
    from runyard.computes.slurm import nodes, site_options

    partition = target.record.get("partition")
    counts = nodes.counted(slurm, partition)
    text = f"{site_options.version(slurm)}, {formats.count(counts.total, 'node')}"
    where = f" in partition {partition}" if partition else ""
    if not counts.total:
        yield error("cluster", f"{text}{where}", "see the partitions there are: sinfo")
    elif partition and not nodes.is_up(slurm, partition):
        yield warning("cluster", f"{text}{where}, which is not up", "see: sinfo --summarize")
    elif not counts.allocated + counts.idle:
        yield warning("cluster", f"{text}{where}, none of them usable now", "see why: sinfo -R")
    else:
        yield ok("cluster", f"{text}{where}, {counts.idle} of them idle")


def _containers(target: Any, timeout_s: float) -> Iterator[Finding]:
    """Whether nodes have the program by which they are to run images."""
    slurm = getattr(target, "slurm", None)
    if slurm is None or not target.record.get("containers"):
        return
    from runyard.computes.slurm import container_trial

    found = container_trial.look(slurm, target.record, timeout_s)
    if found.lacks:
        yield error("containers", found.lacks, found.advice)
    else:
        yield ok("containers", found.text)


def _node_count(target: Any) -> int:
    slurm = getattr(target, "slurm", None)
    if slurm is None:
        return 1
    from runyard.computes.slurm import nodes

    return nodes.counted(slurm, target.record.get("partition")).total


class _Trial:
    """Runs of one target, each of a script of its own."""

    def __init__(self, workspace: Workspace, target: str, timeout_s: float) -> None:
        self._workspace = workspace
        self._target = target
        self._timeout_s = timeout_s

    def one_process(self) -> Iterator[Finding]:
        """Does a runner start, does it see what it needs, and does what it writes come back?"""
        from runyard.environments import cache

        folder = cache.cache_dir()
        os.makedirs(folder, exist_ok=True)
        run, state = self._carry_out(_ONE, arguments=(folder,), user_managed=True)
        failed = self._failed("run", run, state)
        if failed:
            yield failed
            return
        yield ok("run", f"Completed {_times(run, state)}; {run.id}")
        said = _last_line(run.std_log)
        yield from _came_back(run, said)
        if said.get("cache"):
            yield ok("environments", f"{folder} is seen on node {said.get('host')}")
        else:
            text = f"{folder} is not seen on node {said.get('host')}"
            advice = "set RUNYARD_CACHE_DIR to a folder on a file system that all nodes see"
            yield error("environments", text, advice)

    def two_nodes(self) -> Iterator[Finding]:
        """Do processes on two nodes reach each other?"""
        given = {"distributed": "gloo", "node_count": 2, "process_count_per_node": 1}
        run, state = self._carry_out(_MEET, user_managed=True, **given)
        failed = self._failed("two nodes", run, state)
        if failed:
            yield failed
            return
        text = f"process 1 on {_last_line(run.rank_log(0)).get('met')} reached process 0"
        yield ok("two nodes", f"{text}, {_times(run, state)}")

    def mpi(self) -> Iterator[Finding]:
        """Does MPI start a rank on each of two nodes?"""
        given = {"distributed": "mpi", "node_count": 2, "process_count_per_node": 1}
        run, state = self._carry_out(_RANK, pip_packages=("mpich",), **given)
        failed = self._failed("MPI", run, state)
        yield failed or ok("MPI", f"2 ranks on 2 nodes, {_times(run, state)}")

    def _carry_out(self, text: str, **given: Any) -> tuple[RunDirectory, State]:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "trial.py").write_text(text)
            asked = Request(
                source_directory=folder,
                script="trial.py",
                experiment=EXPERIMENT,
                target=self._target,
                tags={"compute_test": self._target},
                **given,
            )
            run = launching.start(asked)
        return run, self._wait(run)

    def _wait(self, run: RunDirectory) -> State:
        deadline = time.monotonic() + self._timeout_s
        look_at = time.monotonic()
        while not (state := read_state(run)).status.ended and time.monotonic() < deadline:
            if time.monotonic() >= look_at:
                reconcile_run(run)
                look_at = time.monotonic() + _LOOK_EVERY_S
            time.sleep(_PAUSE_S)
        return state

    def _failed(self, name: str, run: RunDirectory, state: State) -> Finding | None:
        if state.reason is Reason.COMPLETED:
            return None
        see = f"see: runyard show {run.id}"
        if not state.status.ended:
            place = targets.place(run)
            self._cancel(run)
            waits = f", {place}" if place else ""
            text = f"{state.status} after {self._timeout_s:.0f} s{waits}; it was cancelled"
            return error(name, text, f"wait longer: --timeout {2 * self._timeout_s:.0f}; {see}")
        told = state.detail.get("error") or {}
        text = f"{state.status}: {told.get('message') or state.detail.get('message') or ''}"
        return error(name, text, "; ".join(filter(None, (told.get("hint"), see))))

    def _cancel(self, run: RunDirectory) -> None:
        from runyard.history.run import Run

        try:
            Run.get(self._workspace, run.id).cancel()
        except UserErrorException:  # it was removed, or Slurm does not answer
            request(run, "cancel")
        deadline = time.monotonic() + _CANCEL_S
        while not read_state(run).status.ended and time.monotonic() < deadline:
            time.sleep(_PAUSE_S)


def _came_back(run: RunDirectory, said: dict[str, Any]) -> Iterator[Finding]:
    lacking = []
    if not said:
        lacking.append(f"its log {run.std_log} is empty")
    if metrics.read_metrics(run) != {"answer": 42}:
        lacking.append("its metric has not arrived")
    if not Path(run.outputs, "trial.txt").is_file():
        lacking.append("its file in outputs/ has not arrived")
    if lacking:
        advice = "the workspace must lie on a file system that all nodes and this machine see"
        yield error("results", "; ".join(lacking), advice)
    else:
        yield ok("results", "log, metric and outputs came back")


def _last_line(path: str) -> dict[str, Any]:
    """The JSON object in the last line of a log; {} where there is none."""
    try:
        found = json.loads(Path(path).read_text(errors="replace").splitlines()[-1])
    except (OSError, ValueError, IndexError):
        return {}
    return found if isinstance(found, dict) else {}


def _times(run: RunDirectory, state: State) -> str:
    """How long it took, and how much of that before the script began."""
    begun = os.stat(run.run_json).st_mtime
    whole = (state.ended or begun) - begun
    text = f"after {formats.duration(max(0.0, whole))}"
    queued = [event for event in state.events if event.get("status") == Status.QUEUED.value]
    if state.started is None:
        return text
    waited = max(0.0, state.started - (float(queued[-1]["t"]) if queued else begun))
    return f"{text}, {formats.duration(waited)} of it until the script began"
