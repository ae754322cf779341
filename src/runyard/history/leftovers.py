"""What writers that were killed have left in a workspace: files of theirs nobody will finish."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
from collections.abc import Iterator

from runyard.history.garbage import Group
from runyard.history.run_folders import experiment_names
from runyard.record import owner
from runyard.record.layout import RunDirectory, WorkspaceDirectory

_LEAST_GRACE_S = 3600.0
_PLACES = (
    (("blobs", "tmp"), re.compile(r"\d+-[0-9a-f]{16}\Z")),
    (("snapshots",), re.compile(r".*\.tmp\Z")),
    (("cache",), re.compile(r".*\.tmp\Z")),
    (("models", "*"), re.compile(r"\.(staging|deleted)-[0-9a-f]{16}\Z")),
    (("incoming",), re.compile(r"import-[0-9a-f]{16}\Z")),
)


def collect(workspace: WorkspaceDirectory, *, remove: bool, now: float, grace_s: float) -> Group:
    """What was left and has not changed for ``grace_s``, an hour at least: its writer may live.

    With ``remove`` it is gone afterwards.
    """
    group = Group("leftovers")
    grace_s = max(grace_s, _LEAST_GRACE_S)
    for path in _left(workspace):
        try:
            found = os.lstat(path)
            if found.st_mtime >= now - grace_s or _is_locked(path, found):
                continue
            size = _size(path, found)
            if remove:
                _remove(workspace, path, found)
            group.add(os.path.relpath(path, workspace.path), size)
        except OSError as error:
            group.kept.append(f"{path}: {error.strerror}")
    return group


def _left(workspace: WorkspaceDirectory) -> Iterator[str]:
    for folders, pattern in _PLACES:
        for folder in _expanded(workspace.path, folders):
            for name in _names(folder):
                if pattern.match(name):
                    yield os.path.join(folder, name)
    for experiment in experiment_names(workspace):
        for name in _names(workspace.experiment(experiment)):
            run = workspace.run(experiment, name)
            if _never_finished(run):
                yield run.path


def _expanded(top: str, folders: tuple[str, ...]) -> Iterator[str]:
    if folders[-1] != "*":
        yield os.path.join(top, *folders)
        return
    above = os.path.join(top, *folders[:-1])
    yield from (os.path.join(above, name) for name in _names(above))


def _names(folder: str) -> list[str]:
    """Names in a folder; none in one that is missing or a link."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        return sorted(os.listdir(fd))
    finally:
        os.close(fd)


def _never_finished(run: RunDirectory) -> bool:
    """A run directory without run.json, and with nothing of a run's own: nobody was told of it."""
    found = _begun(run)
    return found is not None and not owner.is_held(run.lock)


_BEFORE_RUN_JSON = frozenset(
    ("runner.lock", "events.jsonl", "launch/slurm.sh", "system_logs/slurm.txt")
)
"""What is there of a run on Slurm, whose run.json is written while sbatch works."""


def _begun(run: RunDirectory) -> list[str] | None:
    """The files of such a directory; None where there are others."""
    found: list[str] = []
    for name in _names(run.path):
        if name in (*RunDirectory.FOLDERS, "launch"):
            found += (f"{name}/{below}" for below in _names(run.join(name)))
        else:
            found.append(name)
    return found if {*found} <= _BEFORE_RUN_JSON else None


def _is_locked(path: str, found: os.stat_result) -> bool:
    """Whether an import is going on into that folder."""
    if not stat.S_ISDIR(found.st_mode):
        return False
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no locks here: its age alone counts
        return False
    finally:
        os.close(folder)
    return False


def _size(path: str, found: os.stat_result) -> int:
    if not stat.S_ISDIR(found.st_mode):
        return found.st_size
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def _remove(workspace: WorkspaceDirectory, path: str, found: os.stat_result) -> None:
    if path.startswith(workspace.runs + os.sep):
        _remove_begun(RunDirectory(path))
    elif stat.S_ISDIR(found.st_mode):
        shutil.rmtree(path)  # links in it are removed, not followed
    else:
        os.unlink(path)


def _remove_begun(run: RunDirectory) -> None:
    """Only what is known, then empty folders: one that is written to now stays.

    Under the lock of the run, so that its job, should it begin now, finds no half of it.
    """
    ownership = owner.take(run.lock)
    try:
        for name in (_begun(run) or ()) if ownership is not None else ():
            os.unlink(run.join(name))
        for name in _names(run.path):
            os.rmdir(run.join(name))
        os.rmdir(run.path)
    finally:
        if ownership is not None:
            ownership.release()
