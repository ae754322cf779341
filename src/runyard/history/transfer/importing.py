"""Taking runs from an archive into a workspace: all of them, or none.

What the archive has is laid out beside the runs, in ``incoming/``, and looked at as a whole; only
then does it get its places, contents before snapshots before runs, parents before children, each
by a rename. Killed before that it has left nothing but the folder, which `runyard gc` removes;
killed while the places are given, whole runs, and importing again with ``clash='skip'`` goes on.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from runyard.errors import SnapshotException, UserErrorException
from runyard.history import store_lock
from runyard.history.run_folders import experiment_names
from runyard.history.transfer import members, reading
from runyard.history.transfer.arriving import Arriving
from runyard.history.transfer.renaming import free_name, rename
from runyard.record import creation, jsonl, run_json
from runyard.record.events import read_state
from runyard.record.layout import FORMAT, RunDirectory, WorkspaceDirectory
from runyard.record.workdir import read_manifest

CLASHES = ("refuse", "skip", "rename")


@dataclass
class Imported:
    """``runs``: those that are here now, as (experiment, id), by the ids they had; ``skipped``."""

    runs: dict[str, tuple[str, str]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


def import_runs(workspace: WorkspaceDirectory, stream: BinaryIO, clash: str = "refuse") -> Imported:
    """Take the runs of an archive in.

    ``clash``: what becomes of a run whose id is here already: 'refuse' the archive, 'skip' the
    run, 'rename' it. Raises UserErrorException for an archive that cannot be taken, OSError;
    nothing of it is here then.
    """
    if clash not in CLASHES:
        raise UserErrorException(f"clash={clash!r} is not known; give one of {', '.join(CLASHES)}")
    with _staging(workspace) as folder:
        arriving = Arriving(folder)
        for info, content in reading.entries(stream):
            arriving.take(members.named(info.name), info, content)
            _check_clashes(workspace, arriving, clash)
        arriving.finish()
        _check(workspace, arriving)
        with store_lock.shared(workspace.path):
            return _publish(workspace, arriving, clash)


@contextlib.contextmanager
def _staging(workspace: WorkspaceDirectory) -> Iterator[str]:
    """An empty folder beside the runs; locked, so that `runyard gc` leaves it alone."""
    folder = os.path.join(workspace.path, "incoming", f"import-{creation.random_hex(8)}")
    os.makedirs(folder, mode=0o700)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # no locks: it is young for a day
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(descriptor)
        shutil.rmtree(folder, ignore_errors=True)


def _check_clashes(workspace: WorkspaceDirectory, arriving: Arriving, clash: str) -> None:
    """As soon as the header says what comes."""
    if clash != "refuse" or arriving.checked:
        return
    arriving.checked = True
    here = _ids(workspace)
    taken = sorted(run["id"] for run in arriving.header["runs"] if run["id"] in here)
    if taken:
        raise UserErrorException(
            f"there are runs of the same ids here: {', '.join(taken[:5])}"
            + (f" and {len(taken) - 5} more" if len(taken) > 5 else "")
            + ". Nothing was taken; leave them out with --clash skip, or take them under other ids "
            "with --clash rename"
        )


def _ids(workspace: WorkspaceDirectory) -> set[str]:
    """Of all runs, whatever their experiment: they are asked for without it."""
    found: set[str] = set()
    for experiment in experiment_names(workspace):
        found.update(os.listdir(workspace.experiment(experiment)))
    return found


def _check(workspace: WorkspaceDirectory, arriving: Arriving) -> None:
    for snapshot in sorted(arriving.snapshots):
        _check_snapshot(arriving, snapshot)
    for told in arriving.header["runs"]:
        run = arriving.staged.run(told["experiment"], told["id"])
        try:
            _check_run(run)
        except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise _bad(run, f"{error or type(error).__name__}") from error


def _check_snapshot(arriving: Arriving, snapshot: str) -> None:
    try:
        entries = read_manifest(arriving.staged.manifest(snapshot))
        lacking = [e[0] for e in entries if e[1] == "f" and arriving.blobs.get(e[3]) != e[4]]
    except (SnapshotException, ValueError, TypeError, KeyError, IndexError) as error:
        raise UserErrorException(f"the archive is refused: {error}", error) from error
    if lacking:
        raise UserErrorException(
            f"the archive is refused: it lacks {lacking[0]!r} of the snapshot {snapshot}"
        )


def _check_run(run: RunDirectory) -> None:
    record = run_json.read(run)
    if record.get("format", FORMAT) > FORMAT:
        raise _bad(run, "it is of a newer release; upgrade runyard")
    if (record.get("id"), record.get("experiment")) != (run.id, run.experiment):
        raise _bad(run, f"its run.json is of {record.get('id')!r}")
    if not read_state(run).status.ended:
        raise _bad(run, "it has not ended")
    for name in RunDirectory.FOLDERS:
        os.makedirs(run.join(name), exist_ok=True)


def _bad(run: RunDirectory, why: str) -> UserErrorException:
    return UserErrorException(f"the archive is refused: run {run.id}: {why}")


def _publish(workspace: WorkspaceDirectory, arriving: Arriving, clash: str) -> Imported:
    here = _ids(workspace)
    done = Imported()
    for told in arriving.header["runs"]:
        if told["id"] in here and clash == "skip":
            done.skipped.append(told["id"])
            continue
        name = free_name(told["id"], here) if told["id"] in here else told["id"]
        here.add(name)
        done.runs[told["id"]] = (told["experiment"], name)
    os.sync()  # what is said to be here survives power loss
    _publish_store(workspace, arriving)
    names = {old: new for old, (_, new) in done.runs.items()}
    for old, (experiment, new) in done.runs.items():
        run = arriving.staged.run(experiment, old)
        rename(run, new, names)
        _move_run(run, workspace.run(experiment, new))
    return done


def _publish_store(workspace: WorkspaceDirectory, arriving: Arriving) -> None:
    for blob, size in arriving.blobs.items():
        place = os.path.join(blob[:2], blob)
        _move(arriving.staged.blobs, workspace.blobs, place, size)
    for snapshot in arriving.snapshots:
        source = arriving.staged.manifest(snapshot)
        _move(
            *(os.path.dirname(source), os.path.join(workspace.path, "snapshots")),
            os.path.basename(source),
            os.path.getsize(source),
        )


def _move(source: str, target: str, name: str, size: int) -> None:
    """Give a file its place, unless it is there; young, as what was stored just now."""
    place = os.path.join(target, name)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if os.stat(place, follow_symlinks=False).st_size == size:
            with contextlib.suppress(OSError):  # somebody else's: the lock keeps it
                os.utime(place)
            return
    os.utime(os.path.join(source, name))
    os.rename(os.path.join(source, name), place)


def _move_run(run: RunDirectory, target: RunDirectory) -> None:
    os.makedirs(os.path.dirname(target.path), exist_ok=True)
    try:
        os.mkdir(target.path)  # whoever makes a run of that name now does not get it
    except FileExistsError as error:
        raise UserErrorException(f"run {target.id} was made meanwhile; import again") from error
    os.rename(run.path, target.path)
    jsonl.sync_file(os.path.dirname(target.path))


def about(done: Imported) -> dict[str, Any]:
    """As plain values."""
    return {
        "runs": [
            {"experiment": experiment, "id": new, "exported_as": old}
            for old, (experiment, new) in done.runs.items()
        ],
        "skipped": done.skipped,
    }
