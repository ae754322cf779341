"""A new run with the spec and the snapshot of an old one.

Neither the source folder nor the environment's description is looked at again: the folder may
have changed, and the resolved environment is what the old run had.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from runyard import _version
from runyard.cli.facts import Facts
from runyard.config import planning, secrets
from runyard.config.jobspec import JobSpec
from runyard.errors import ComputeTargetException, ExperimentExecutionException, UserErrorException
from runyard.history.reconcile import HANDLE
from runyard.job.interactive import user_name
from runyard.record import creation, jsonl, owner
from runyard.record.events import EventLog
from runyard.record.layout import RunDirectory
from runyard.record.states import Reason

if TYPE_CHECKING:
    from runyard.record.owner import Ownership

ORIGIN = "runyard.rerun_of"
"""Property of the new run: the id of the old one."""

_TAKE_ATTEMPTS = 50
_TAKE_PAUSE_S = 0.01


def resubmit(old: Facts, variables: Mapping[str, str]) -> RunDirectory:
    """Start the run again; returns the new run, whose runner is started.

    ``variables`` are set for the script beside those the run had. Values of secret variables are
    not kept with a run: they come from ``variables``, else from this process's environment.
    Raises UserErrorException when the run cannot be started again, ComputeTargetException and
    ExperimentExecutionException as ``submission.submit`` does.
    """
    spec, hidden = _spec(old, variables)
    target = planning.find_target(spec.target)
    problems = [f"{problem.parameter}: {problem.message}" for problem in target.check(spec)]
    if problems:
        raise ComputeTargetException(
            f"compute target {spec.target!r} cannot run this: {'; '.join(problems)}"
        )
    run = creation.create_run(old.run.workspace, old.run.experiment, _record(old, spec))
    ownership = _take(run)
    try:
        handle = target.submit(run, ownership, hidden)
        jsonl.write_once(run.join(HANDLE), handle, sync=False)
    except Exception as error:
        EventLog(run).end(
            Reason.LAUNCH_FAILED, error={"type": type(error).__name__, "message": str(error)}
        )
        raise ExperimentExecutionException(
            f"run {run.id} could not be started on {spec.target!r}: {error}", error
        ) from error
    finally:
        ownership.release()
    return run


def _spec(old: Facts, variables: Mapping[str, str]) -> tuple[JobSpec, dict[str, str]]:
    """The spec of the new run, and its secrets."""
    if not old.spec or not old.record.get("snapshot"):
        raise UserErrorException(
            f"run {old.run.id} was not submitted (it is of type {old.record.get('type')!r}), so "
            "there is no script to start again"
        )
    try:
        spec = msgspec.convert(old.spec, JobSpec)
    except msgspec.ValidationError as error:
        raise UserErrorException(
            f"the spec of run {old.run.id} cannot be read: {error}; it may be of another version "
            f"of runyard ({old.record.get('version')})",
            error,
        ) from error
    _check_kept(old, spec)
    plain, given = secrets.split(variables)
    hidden = {**_here(spec.secret_variables, given), **given}
    spec = msgspec.structs.replace(
        spec,
        environment_variables={**spec.environment_variables, **plain},
        secret_variables=tuple(sorted(hidden)),
    )
    return spec, hidden


def _check_kept(old: Facts, spec: JobSpec) -> None:
    """What the run needs must still be there."""
    interpreter = spec.environment.interpreter
    if not os.access(interpreter, os.X_OK):
        raise UserErrorException(
            f"the interpreter of run {old.run.id} is no longer there: {interpreter}; submit the "
            "script again with --python, see: runyard doctor"
        )
    manifest = old.run.workspace.manifest(str(old.record["snapshot"]))
    if not os.path.isfile(manifest):
        raise UserErrorException(
            f"the snapshot of run {old.run.id} is no longer there: {manifest}; submit the script "
            "again from its folder"
        )


def _here(names: tuple[str, ...], given: Mapping[str, str]) -> dict[str, str]:
    missing = [name for name in names if name not in given and name not in os.environ]
    if missing:
        raise UserErrorException(
            f"the values of secret variables are not kept with a run; set {', '.join(missing)} in "
            f"this shell, or give --env {missing[0]}=VALUE"
        )
    return {name: os.environ[name] for name in names if name not in given}


def _record(old: Facts, spec: JobSpec) -> dict[str, Any]:
    """run.json of the new run: what the old one was submitted with, and who asked now."""
    properties = {**(old.record.get("properties") or {}), ORIGIN: old.run.id}
    kept = ("type", "workspace", "tags", "snapshot", "git", "notices", "run_configuration")
    return {
        **{key: old.record.get(key) for key in kept},
        "parent": None,
        "display_name": old.notes.display_name,
        "properties": properties,
        "user": user_name(),
        "host": os.uname().nodename,
        "version": _version.__version__,
        "spec": spec.to_dict(),
    }


def _take(run: RunDirectory) -> Ownership:
    """Become the runner. Whoever looks whether the lock is held has it for a moment."""
    for _ in range(_TAKE_ATTEMPTS):
        ownership = owner.take(run.lock)
        if ownership is not None:
            owner.sign(ownership, owner.identity())
            return ownership
        time.sleep(_TAKE_PAUSE_S)
    raise ExperimentExecutionException(
        f"run {run.id}: another process took the run before it could be started; try again"
    )
