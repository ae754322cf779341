"""The laws of a workspace (docs/reliability.md), looked at from outside when a fault is over.

What is read here is read from the files themselves: code of the product is used only where it
is what is being judged (its lists, its reconciliation). Every fault test ends with

    laws.settle(workspace)               # open it as a user does, until every run has ended
    laws.hold(workspace, said=run_ids)   # all laws; fails with every breach in one message

``said``: ids of runs that ``submit`` has returned. Between the two a run may still be going on:
``hold(workspace, settled=False)`` then leaves out what is true only of ended ones.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from blake3 import blake3

from runyard.computes import rehearsed_channel
from runyard.history.index import Index
from runyard.history.reconcile import reconcile
from runyard.record import owner
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status

_RUNS_SCRIPT = "azureml.scriptrun"
_VARIABLE = b"RUNYARD_RUN_DIRECTORY="


def runs(workspace: WorkspaceDirectory) -> list[RunDirectory]:
    """Every run that has a run.json: those that anybody can have been told of."""
    found = sorted(Path(workspace.runs).glob("*/*/run.json"))
    return [RunDirectory(str(path.parent)) for path in found]


def end_of(run: RunDirectory) -> str:
    """The reason of the end of a run and its message, or exit code; its status while it goes on."""
    events, _ = _lines(Path(run.events))
    if not events or not _is_end(str(events[-1].get("status"))):
        return _last_status(run)
    detail = events[-1]["detail"]
    error = detail.get("error") or {}
    text = error.get("message") or detail.get("message") or detail.get("exit_code")
    return f"{events[-1]['reason']}: {text}"


def settle(workspace: WorkspaceDirectory, timeout_s: float = 60.0, *, later_s: float = 0.0) -> None:
    """Look at the workspace as every command does, until all runs have ended and nothing runs.

    ``later_s``: as if it were that much later, where creators of runs are known to be gone.
    """
    deadline = time.monotonic() + timeout_s
    while left := _unsettled(workspace):
        assert time.monotonic() < deadline, f"after {timeout_s:.0f} s: " + "; ".join(left)
        with closing(Index(workspace)) as index:
            unended = [workspace.run(e.experiment, e.id) for e in index.unended()]
            reconcile(unended, lambda: time.time() + later_s)
        time.sleep(0.02)


def _unsettled(workspace: WorkspaceDirectory) -> list[str]:
    states = [(run, _last_status(run)) for run in runs(workspace)]
    left = [f"{run.id} is {status}" for run, status in states if not _is_end(status)]
    left += [f"{run.id} has a runner" for run, _ in states if owner.is_held(run.lock)]
    return left + [f"process {pid} runs for {place}" for pid, place in processes(workspace)]


def hold(
    workspace: WorkspaceDirectory,
    said: Iterable[str] = (),
    *,
    settled: bool = True,
    tidy: bool = True,
) -> None:
    """Fail with all breaches of the laws, if there is any.

    ``tidy`` False: who writes files was killed, and may have left temporary ones.
    """
    found = broken(workspace, said, settled=settled, tidy=tidy)
    assert not found, f"{len(found)} breaches in {workspace.path}:\n" + "\n".join(found)


def broken(
    workspace: WorkspaceDirectory,
    said: Iterable[str] = (),
    *,
    settled: bool = True,
    tidy: bool = True,
) -> list[str]:
    """One line for each breach: which law, where, what was found."""
    some = runs(workspace)
    breaches = list(_written_before_said(some, said))
    for run in some:
        breaches += _of_run(run, settled=settled, tidy=tidy)
    breaches += _blobs_are_what_they_are_called(workspace)
    breaches += _lists_say_what_the_files_say(workspace, some)
    if settled:
        breaches += (
            f"nothing runs on: process {pid} of {place}" for pid, place in processes(workspace)
        )
    return breaches


def _of_run(run: RunDirectory, *, settled: bool, tidy: bool) -> Iterator[str]:
    laws: list[Callable[[RunDirectory], Iterator[str]]] = [
        _run_json_is_whole,
        _snapshot_is_whole,
        _events_are_whole,
        _lines_are_whole,
    ]
    if settled:
        laws += [_no_run_lies, _nothing_outside, *([_nothing_half_written] if tidy else [])]
    for law in laws:
        for text in law(run):
            yield f"{law.__name__[1:].replace('_', ' ')}: {run.path}: {text}"


# One function for each law; its name is how a breach is reported.


def _written_before_said(some: list[RunDirectory], said: Iterable[str]) -> Iterator[str]:
    known = {run.id for run in some}
    for run_id in said:
        if run_id not in known:
            yield f"written before said: submit returned {run_id}, and there is no such run"


def _run_json_is_whole(run: RunDirectory) -> Iterator[str]:
    try:
        record = json.loads(Path(run.run_json).read_bytes())
    except ValueError as error:
        yield f"run.json: {error}"
        return
    found = record.get("format"), record.get("id"), record.get("experiment")
    if found != (1, run.id, run.experiment):
        yield f"run.json is of {found}"


def _snapshot_is_whole(run: RunDirectory) -> Iterator[str]:
    snapshot = _record(run).get("snapshot")
    if not snapshot:
        return
    try:
        entries = json.loads(Path(run.workspace.manifest(snapshot)).read_bytes())["entries"]
    except (OSError, ValueError, KeyError) as error:
        yield f"snapshot {snapshot}: {error!r}"
        return
    for path, kind, _, blob, size in entries:
        if kind != "f":
            continue
        place = Path(run.workspace.blobs, blob[:2], blob)
        if not place.is_file() or place.stat().st_size != size:
            yield f"snapshot {snapshot}: the content of {path} is not in {place}"


def _events_are_whole(run: RunDirectory) -> Iterator[str]:
    """One end at most, of one typed reason, and nothing after it."""
    events, problems = _lines(Path(run.events))
    yield from problems
    ended = ""
    for event in events:
        if ended:
            yield f"{event} comes after the end, {ended}"
        try:
            status = Status(event["status"])
            float(event["t"])
            reason = Reason(event["reason"]) if status.ended else None
        except (KeyError, ValueError, TypeError) as error:
            yield f"{event} is no event: {error!r}"
            continue
        if reason is not None:
            ended = f"{status} ({reason.value})"
            if reason.status is not status:
                yield f"the end is {ended}"
    if ended.startswith("Completed") and not _has_run(run, events):
        yield "it is Completed and was never Running"


def _has_run(run: RunDirectory, events: list[dict[str, Any]]) -> bool:
    if _record(run).get("type") != _RUNS_SCRIPT:
        return True
    return any(event.get("status") == Status.RUNNING.value for event in events)


def _lines_are_whole(run: RunDirectory) -> Iterator[str]:
    """One writer per file: whole lines, but for the last of a writer that was killed."""
    for folder in (run.notes, run.metrics, run.ranks):
        for path in sorted(Path(folder).glob("*.jsonl")):
            yield from _lines(path)[1]


def _no_run_lies(run: RunDirectory) -> Iterator[str]:
    status = _last_status(run)
    if not _is_end(status):
        yield f"it is shown as {status}, and its lock is {_lock(run)}"
    elif owner.is_held(run.lock):
        yield f"it has ended as {status}, and somebody holds its lock"


def _nothing_half_written(run: RunDirectory) -> Iterator[str]:
    """A run that completed has no temporary file of ours in its directory."""
    if _last_status(run) != Status.COMPLETED.value:
        return
    for folder in (run.path, run.requests, run.join("system_logs"), run.launch):
        for path in sorted(Path(folder).glob("*.tmp")):
            yield f"{path.relative_to(run.path)} is left"


def _nothing_outside(run: RunDirectory) -> Iterator[str]:
    """Temporary files of rehearsed nodes lie in a folder of the machine."""
    scratch = rehearsed_channel.scratch_of(run)
    if os.path.exists(scratch):
        yield f"{scratch} is left: {os.listdir(scratch)}"


def _blobs_are_what_they_are_called(workspace: WorkspaceDirectory) -> Iterator[str]:
    for path in sorted(Path(workspace.blobs).glob("??/*")):
        data = path.read_bytes()
        # Runs of runyard.testing name their blobs by sha256.
        if path.name not in (blake3(data).hexdigest(), sha256(data).hexdigest()):
            yield f"blobs are what they are called: {path} holds something else"


def _lists_say_what_the_files_say(
    workspace: WorkspaceDirectory, some: list[RunDirectory]
) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damaged runs: they are in the list
        with closing(Index(workspace)) as index:
            listed = {(e.experiment, e.id): e.status for e in index.select()}
    for run in some:
        # What ends meanwhile may be listed as either.
        wanted, found = _last_status(run), listed.pop((run.experiment, run.id), None)
        if found != wanted and _is_end(wanted):
            yield f"lists say what the files say: {run.path} is {wanted}, listed as {found}"
        elif found is None:
            yield f"lists say what the files say: {run.path} is not listed"
    for name in listed:
        yield f"lists say what the files say: {'/'.join(name)} is listed, and is no run"
    with closing(sqlite3.connect(workspace.index)) as database:
        answer = database.execute("PRAGMA integrity_check").fetchone()[0]
    if answer != "ok":
        yield f"lists say what the files say: {workspace.index}: {answer}"


def processes(workspace: WorkspaceDirectory) -> list[tuple[int, str]]:
    """Living processes of any run of the workspace, with the run's directory."""
    root = os.path.realpath(workspace.runs)
    found = []
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        place = _run_of(pid)
        if pid != os.getpid() and os.path.realpath(place).startswith(root + os.sep):
            found.append((pid, place))
    return found


def _run_of(pid: int) -> str:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # it has ended, or is somebody else's
        return ""
    marks = [each[len(_VARIABLE) :] for each in variables if each.startswith(_VARIABLE)]
    if marks and not os.path.exists(marks[0]):  # the workspace was moved, and it along
        with suppress(OSError):
            return os.readlink(f"/proc/{pid}/cwd")
    return os.fsdecode(marks[0]) if marks else ""


@contextmanager
def untouched(folder: Path) -> Iterator[None]:
    """Nothing of the user's is thrown away: every file there is afterwards as it was before."""
    before = _contents(folder)
    yield
    after = _contents(folder)
    assert after == before, f"changed in {folder}: {sorted(before.items() ^ after.items())[:10]}"


def _contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# Reading


def _record(run: RunDirectory) -> dict[str, Any]:
    try:
        found = json.loads(Path(run.run_json).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _lines(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The JSON objects of whole lines, and what is wrong with others."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:  # its run may be removed in this moment
        return [], []
    found, problems = [], []
    for number, line in enumerate(content.split(b"\n")[:-1], 1):
        try:
            body = json.loads(line)
        except ValueError as error:
            problems.append(f"{path.name}:{number}: {error}: {line[:80]!r}")
            continue
        if isinstance(body, dict):
            found.append(body)
        else:
            problems.append(f"{path.name}:{number}: no object: {line[:80]!r}")
    return found, problems


def _last_status(run: RunDirectory) -> str:
    events, _ = _lines(Path(run.events))
    return str(events[-1].get("status")) if events else Status.NOT_STARTED.value


def _is_end(status: str) -> bool:
    return status in (Status.COMPLETED.value, Status.FAILED.value, Status.CANCELED.value)


def _lock(run: RunDirectory) -> str:
    return "held" if owner.is_held(run.lock) else "free"
