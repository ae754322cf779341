"""Copies of the source that ended runs still have in ``work/``: of those whose runner was killed.

A runner removes them itself at the end (law *nothing of the user's is thrown away*: only what is
identical to the snapshot). Here it is done in its place, under the run's lock, so that nobody else
is the runner meanwhile.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator

from runyard.errors import RunyardError
from runyard.history.garbage import Group
from runyard.history.run_folders import experiment_names
from runyard.record import jsonl, owner, workdir
from runyard.record.events import read_state
from runyard.record.layout import RunDirectory, WorkspaceDirectory

_KEPT = frozenset(("outputs", "logs"))


def collect(workspace: WorkspaceDirectory, *, remove: bool, now: float, grace_s: float) -> Group:
    """What such copies there are, by run; with ``remove`` they are gone afterwards.

    Runs that ended less than ``grace_s`` ago are left alone.
    """
    group = Group("work")
    for run in _candidates(workspace):
        try:
            _collect(run, group, remove, now - grace_s)
        except (OSError, ValueError, TypeError, AttributeError, RunyardError) as error:
            group.kept.append(f"run {run.id}: {error}; see: runyard verify")
    return group


def _candidates(workspace: WorkspaceDirectory) -> Iterator[RunDirectory]:
    """Runs of this user that have more in ``work/`` than what is kept."""
    for experiment in experiment_names(workspace):
        for name in sorted(os.listdir(workspace.experiment(experiment))):
            run = workspace.run(experiment, name)
            try:
                mine = owner.is_own(run.path) and _is_folder(run.work)
                if mine and not _KEPT.issuperset(os.listdir(run.work)):
                    yield run
            except OSError:
                continue


def _is_folder(path: str) -> bool:
    return stat.S_ISDIR(os.lstat(path).st_mode)


def _collect(run: RunDirectory, group: Group, remove: bool, limit: float) -> None:
    if not _ended_before(run, limit):
        return
    snapshot = jsonl.read_json(run.run_json).get("snapshot")
    if not snapshot:
        return
    manifest = run.workspace.manifest(_checked(snapshot))
    found = [*workdir.unchanged(manifest, run.workspace.blobs, run.work)]
    if not found:
        return
    if remove and not _as_its_runner(run, limit, lambda: _remove(run, manifest)):
        group.kept.append(f"run {run.id}: a process holds its lock")
        return
    group.add(f"{run.experiment}/{run.id}", sum(size for _, size in found))


def _ended_before(run: RunDirectory, limit: float) -> bool:
    ended = read_state(run).ended
    return ended is not None and ended < limit


def _as_its_runner(run: RunDirectory, limit: float, act: Callable[[], None]) -> bool:
    ownership = owner.take(run.lock)
    if ownership is None:
        return False
    try:
        if not _ended_before(run, limit):
            return False
        act()
        return True
    finally:
        ownership.release()


def _remove(run: RunDirectory, manifest: str) -> None:
    workdir.remove_unchanged(manifest, run.workspace.blobs, run.work)


def _checked(snapshot: object) -> str:
    text = str(snapshot)
    if len(text) != 32 or not set(text) <= set("0123456789abcdef"):
        raise ValueError(f"{text!r} is no id of a snapshot")
    return text
