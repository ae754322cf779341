"""Starting a run: the only place of ``config`` that acts."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard import _version
from runyard.config import checks, planning
from runyard.errors import (
    ExperimentExecutionException,
    SnapshotException,
    UserErrorException,
)
from runyard.history import git
from runyard.history.reconcile import HANDLE
from runyard.history.run import Run
from runyard.history.snapshot_limit import MAX_SKIPPED
from runyard.history.snapshots import SnapshotStore
from runyard.job.interactive import user_name
from runyard.record import creation, jsonl, notes, owner
from runyard.record.events import EventLog
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason

if TYPE_CHECKING:
    from runyard.config.planning import Plan
    from runyard.config.script_run_config import ScriptRunConfig
    from runyard.history.experiment import Experiment
    from runyard.record.owner import Ownership

RUN_TYPE = "azureml.scriptrun"

_FULL = (errno.ENOSPC, errno.EDQUOT)
_TAKE_ATTEMPTS = 50
_TAKE_PAUSE_S = 0.01

_log = logging.getLogger(__name__)


def submit(
    config: ScriptRunConfig,
    experiment: Experiment,
    *,
    tags: Mapping[str, Any] | None = None,
    run_id: str | None = None,
    parent: Run | None = None,
) -> Run:
    """Plan, store the source, write the run directory and have the target start a runner.

    ``tags``: text by name; other values become text, None becomes ''. ``run_id``: a name for the
    run, unused so far; None makes one (spec 9.1). ``parent``: the run this one is a child of.
    Returns as soon as the runner is started. Raises what ``planning.plan`` raises and
    UserErrorException for a run id that is taken or cannot be used; nothing is left behind then.
    Raises ExperimentExecutionException when the workspace cannot be written to, or when the
    target started nothing: that run stays, Failed with the reason launch_failed.
    """
    texts = _tag_texts(tags)
    workspace = experiment.workspace
    planned = planning.plan(config, workspace, experiment=experiment.name)
    for notice in planned.notices:
        _log.info("%s", notice)
    with _writing(workspace.directory):
        snapshot_id = _take_snapshot(planned, workspace.directory)
        record = _record(planned, workspace.name, snapshot_id, texts, parent)
        wanted_id = run_id or creation.new_run_id(experiment.name)
        with _removing(workspace.directory.run(experiment.name, wanted_id)):
            run = creation.create_run(workspace.directory, experiment.name, record, wanted_id)
            ownership = _take(run)
            if parent is not None:
                notes.NoteWriter(parent.directory).write("child", None, run.id)
    try:
        _start(planned, run, ownership)
    finally:
        ownership.release()
    with _writing(workspace.directory):
        creation.persist(run)  # after the start: the script does not wait for the disk
    return Run(experiment, run.id)


def _tag_texts(tags: object) -> dict[str, str]:
    if tags is None:
        return {}
    if not isinstance(tags, Mapping):
        raise UserErrorException(
            f"tags is {tags!r} of type {type(tags).__name__}; give a dict such as "
            "{'stage': 'trial'}"
        )
    return {str(key): "" if value is None else str(value) for key, value in tags.items()}


def _take_snapshot(planned: Plan, workspace: WorkspaceDirectory) -> str:
    source = Path(planned.spec.source_directory)
    store = SnapshotStore(Path(workspace.path))
    snapshot_id = store.take(source).id
    script = planned.spec.script
    # At that length the plan's list may have been cut short and could not tell.
    if script is not None and len(planned.snapshot.skipped) >= MAX_SKIPPED:
        stored = {entry.path for entry in store.entries(snapshot_id)}
        if stored.isdisjoint(checks.names_of(script, source)):
            raise checks.left_out(script, source)
    return snapshot_id


def _record(
    planned: Plan, workspace_name: str, snapshot_id: str, tags: dict[str, str], parent: Run | None
) -> dict[str, Any]:
    """The content of run.json."""
    described = git.describe(Path(planned.spec.source_directory))
    properties = {
        "ContentSnapshotId": snapshot_id,
        "_azureml.ComputeTargetType": planned.spec.target,
        **described,
    }
    return {
        "type": RUN_TYPE,
        "workspace": workspace_name,
        "parent": None if parent is None else parent.id,
        "display_name": None,
        "tags": tags,
        "properties": properties,
        "user": user_name(),
        "host": os.uname().nodename,
        "version": _version.__version__,
        "snapshot": snapshot_id,
        "git": described or None,
        # The default of every estimator is no warning of every run.
        "notices": [text for text in planned.notices if text != planning.NO_CONTAINER],
        "run_configuration": planned.run_configuration,
        "spec": planned.spec.to_dict(),
    }


@contextlib.contextmanager
def _removing(run: RunDirectory) -> Iterator[None]:
    """Remove the run directory again when it could not be finished."""
    was_there = os.path.lexists(run.path)
    try:
        yield
    except OSError:
        if not was_there:
            shutil.rmtree(run.path, ignore_errors=True)
        raise


def _take(run: RunDirectory) -> Ownership:
    """Become the runner. Whoever looks whether the lock is held has it for a moment."""
    for _ in range(_TAKE_ATTEMPTS):
        ownership = owner.take(run.lock)
        if ownership is not None:
            owner.sign(ownership, owner.identity())
            return ownership
        time.sleep(_TAKE_PAUSE_S)
    raise ExperimentExecutionException(
        f"run {run.id}: another process took the run before it could be started; submit it again"
    )


def _start(planned: Plan, run: RunDirectory, ownership: Ownership) -> None:
    target = planning.find_target(planned.spec.target)
    try:
        handle = target.submit(run, ownership, planned.secrets)
    except Exception as error:
        _end_unstarted(run, error)
        raise ExperimentExecutionException(
            f"run {run.id} could not be started on {planned.spec.target!r}: {error}; the run is "
            f"kept as Failed in {run.path!r}",
            error,
        ) from error
    try:
        jsonl.write_once(run.join(HANDLE), handle, sync=False)
    except OSError as error:  # the run is on its way and must not be reported as not started
        _log.warning("run %s: %s could not be written: %s", run.id, HANDLE, error)


def _end_unstarted(run: RunDirectory, error: Exception) -> None:
    detail = {
        "type": type(error).__name__,
        "message": str(error),
        "traceback": "".join(traceback.format_exception(error)),
    }
    events = EventLog(run)
    with contextlib.suppress(OSError):  # a full disk: without an end the run counts as lost
        events.end(Reason.LAUNCH_FAILED, error=detail)
    events.close()


@contextlib.contextmanager
def _writing(workspace: WorkspaceDirectory) -> Iterator[None]:
    """Say what is the matter when the workspace folder cannot be written to."""
    try:
        yield
    except OSError as error:
        raise _unwritable(workspace.path, error) from error
    except SnapshotException as error:
        cause = error.inner_exception
        if isinstance(cause, OSError) and cause.errno in _FULL:
            raise _unwritable(workspace.path, cause) from error
        raise


def _unwritable(path: str, error: OSError) -> ExperimentExecutionException:
    advice = "check who may write there"
    if error.errno in _FULL:
        advice = f"{_free_mib(path)} MiB are free there; make room and submit again"
    place = f" ({error.filename})" if error.filename else ""
    return ExperimentExecutionException(
        f"the run could not be written to the workspace folder {path!r}: "
        f"{error.strerror or error}{place}; {advice}",
        error,
    )


def _free_mib(path: str) -> int:
    try:
        return shutil.disk_usage(path).free >> 20
    except OSError:
        return 0
