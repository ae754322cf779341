"""What a runner was starting when it was killed: taken note of in its stead, or ended.

It notes what it has started once all is. Each process of a run says that it has begun before
anything of the script runs there (``rank.sh``), and of containers the engine knows. So where all
have begun the run can be gone on with; where none has, nothing of the script has run.
"""

from __future__ import annotations

import os
import time

from runyard.computes import channels, processes
from runyard.containers import finding, run_names
from runyard.containers.errors import EngineError
from runyard.record import jsonl, ranks, script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from runyard.record.layout import RunDirectory
    from runyard.record.script import Script

STARTING = "It was killed while it was starting the processes of the run."
_TO_BEGIN_S = 10.0
"""What processes may take to say that they have begun; they need a thousandth of that, but on a
machine that is busy."""
_LOOK_EVERY_S = 0.02
_STEP = b"/computes/slurm/step.sh"
_NOBODY = 0
"""A pid that no process has."""


def complete(run: RunDirectory, found: Script) -> str:
    """Note what was started, as the runner was about to; '' or why nobody can go on with it.

    By who holds the run's lock.
    """
    if found.processes is not None:
        return ""
    if found.in_container:
        if not _all_in_containers(run, found):
            return STARTING
        return _noted(run, [])
    gang = found.gang or {}
    if "log" not in gang or not _all_have_begun(run, int(gang["size"])):
        return STARTING
    by_one = bool(gang["starter"]) or channels.interruptions() is not None
    started = _starter(run, by_step=not gang["starter"]) if by_one else _each(run)
    if started is None:
        return STARTING
    return _noted(run, started, not by_one, str(gang["log"]))


def _noted(run: RunDirectory, pids: list[int], each: bool = False, log: str = "") -> str:
    script.note_processes(jsonl.Appender(script.path_of(run)), pids, each, log)
    return ""


def is_undone(run: RunDirectory, found: Script) -> bool:
    """End what there is; whether nothing of the script had begun, so that it may start again."""
    if found.processes is not None:
        return False
    processes.end(lambda: processes.of_run(run.path), grace_s=0.0)
    if not found.in_container:
        return not _begun(run)
    # One that is there may be about to start, though its client has been killed.
    return all(state is None for _, state in _containers(run))


def is_starting(run: RunDirectory, container: str) -> bool:
    """Whether the engine's client for a container lives, that its runner has left behind."""
    return any(container.encode() in _command(pid) for pid in processes.of_run(run.path))


def _command(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def _begun(run: RunDirectory) -> list[ranks.Rank]:
    return [rank for rank in ranks.read(run) if rank.started is not None]


def _all_have_begun(run: RunDirectory, size: int) -> bool:
    until = time.monotonic() + _TO_BEGIN_S
    while True:
        left = set(processes.of_run(run.path))
        begun = _begun(run)
        if len(begun) == size:
            return True
        if left <= _of_ranks(begun) or time.monotonic() >= until:
            return False
        time.sleep(_LOOK_EVERY_S)


def _of_ranks(begun: list[ranks.Rank]) -> set[int]:
    """The processes of ranks that have begun here, and below them: no other rank comes of these."""
    own = [rank.pid for rank in begun if rank.pid and rank.host == os.uname()[1]]
    return {*own, *(below for pid in own for below in processes.descendants(pid))}


def _each(run: RunDirectory) -> list[int]:
    """The processes of the ranks, 0 for those that have ended: they have recorded how."""
    alive = set(processes.of_run(run.path))
    return [rank.pid if rank.pid in alive else _NOBODY for rank in _begun(run)]


def _starter(run: RunDirectory, *, by_step: bool) -> list[int] | None:
    """What has started all ranks; None when it cannot be told from others.

    ``by_step``: the srun of a job, beside which are the ranks of this node.
    """
    alive = set(processes.of_run(run.path))
    roots = [pid for pid in alive if processes.parent_of(pid) not in alive]
    if by_step:
        roots = [pid for pid in roots if _STEP in _command(pid)]
    if len(roots) > 1:
        return None
    return roots or [_NOBODY]


def _all_in_containers(run: RunDirectory, found: Script) -> bool:
    try:
        states = list(_containers(run))
    except EngineError:
        return True  # who goes on with the run says so
    return bool(states) and all(
        (state is not None and state.started) or name in found.containers or is_starting(run, name)
        for name, state in states
    )


def _containers(run: RunDirectory) -> Iterator[tuple[str, Any]]:
    """Name and state of each; none where the runner had not chosen names. Raises EngineError."""
    try:
        place = jsonl.read_json(run.container_json)
        names = list(run_names.recorded(run, place))
        engine = finding.named(str(place["engine"]))
    except (OSError, ValueError, KeyError):
        return
    for name in names:
        yield name, engine.state(name)
