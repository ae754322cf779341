"""A new run with the spec and the snapshot of an old one.

Neither the source folder nor the environment's description is looked at again: the folder may
have changed, and the resolved environment is what the old run had.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

import msgspec

from runyard import _version
from runyard.config import relay, resources, secrets, specification
from runyard.config.jobspec import JobSpec
from runyard.config.start import Content, start
from runyard.data.dataset_freezing import found_inputs_again, found_outputs_again
from runyard.data.freezing import found_again
from runyard.data.inputs_now import since
from runyard.environments import planning as resolution
from runyard.environments import vanished
from runyard.environments.spec import EnvironmentSpec
from runyard.errors import UserErrorException
from runyard.history import store_lock
from runyard.job.interactive import user_name
from runyard.record import computes, jsonl, notes
from runyard.record.layout import RunDirectory

ORIGIN = "runyard.rerun_of"
"""Property of the new run: the id of the old one."""


def resubmit(
    old: RunDirectory, variables: Mapping[str, str], *, refresh: bool = False
) -> RunDirectory:
    """Start the run again; returns the new run, whose runner is started.

    ``variables`` are set for the script beside those the run had. Values of secret variables are
    not kept with a run: they come from ``variables``, else from this process's environment.
    ``refresh``: resolve unpinned packages again, in a new build of the environment. An input that
    is no longer what the old run read is a warning, and a notice of the new run.
    Raises UserErrorException when the run cannot be started again, ComputeTargetException and
    ExperimentExecutionException as ``submission.submit`` does.
    """
    record = jsonl.read_json(old.run_json)
    spec, hidden = _spec(old, record, variables)
    if refresh:
        environment = resolution.refreshed(spec.environment)
        spec = msgspec.structs.replace(spec, environment=environment)
    described = computes.read(old.workspace, spec.target) or {}
    target = specification.find_target(spec.target, old.workspace)
    spec, notices = resources.fitted(target, spec, described)
    spec = relay.relayed(spec, target, spec.relay, old.workspace)
    for text in since(old, (*spec.data, *spec.datasets), old.workspace):
        warnings.warn(text, UserWarning, stacklevel=3)
        notices = [*notices, text]
    with store_lock.shared(old.workspace.path) as hold:  # until run.json refers to the snapshot
        _check_snapshot(old, str(record["snapshot"]))
        content = Content(spec.to_dict(), lambda: _record(old, record, spec.environment, notices))
        return start(old.workspace, old.experiment, target, content, hidden, recorded=hold.release)


def _spec(
    old: RunDirectory, record: dict[str, Any], variables: Mapping[str, str]
) -> tuple[JobSpec, dict[str, str]]:
    """The spec of the new run, and its secrets; its data is where the datastores are now."""
    if not record.get("spec") or not record.get("snapshot"):
        raise UserErrorException(
            f"run {old.id} was not submitted (it is of type {record.get('type')!r}), so "
            "there is no script to start again"
        )
    try:
        spec = msgspec.convert(record["spec"], JobSpec)
    except msgspec.ValidationError as error:
        raise UserErrorException(
            f"the spec of run {old.id} cannot be read: {error}; it may be of another version "
            f"of runyard ({record.get('version')})",
            error,
        ) from error
    spec = msgspec.structs.replace(spec, environment=_environment(old, spec.environment))
    _check_snapshot(old, str(record["snapshot"]))
    spec = msgspec.structs.replace(
        spec,
        data=found_again(spec.data, old.workspace),
        datasets=found_inputs_again(spec.datasets, old.workspace),
        outputs=found_outputs_again(spec.outputs, old.workspace),
    )
    plain, given = secrets.split(variables)
    hidden = {**_here(spec.secret_variables, given), **given}
    spec = msgspec.structs.replace(
        spec,
        environment_variables={**spec.environment_variables, **plain},
        secret_variables=tuple(sorted(hidden)),
    )
    return spec, hidden


def _environment(old: RunDirectory, spec: EnvironmentSpec) -> EnvironmentSpec:
    """That of the old run; where its interpreter is gone, with another of the same version."""
    # A newer build may have taken the place of what it refreshed by now.
    spec = msgspec.structs.replace(spec, refreshes="")
    # In a conda environment, and in an image, none has to be here.
    if spec.kind == "conda" or spec.image is not None or os.access(spec.interpreter, os.X_OK):
        return spec
    gone = f"the interpreter of run {old.id} is no longer there: {spec.interpreter}; "
    if spec.kind == "user_managed":
        raise UserErrorException(
            f"{gone}put it back, or submit the script again with another one, see: runyard doctor"
        )
    try:
        return vanished.replaced(spec)
    except UserErrorException as error:
        raise UserErrorException(f"{gone}{error.message}", error) from error


def _check_snapshot(old: RunDirectory, snapshot: str) -> None:
    """What the run needs must still be there."""
    manifest = old.workspace.manifest(snapshot)
    if not os.path.isfile(manifest):
        raise UserErrorException(
            f"the snapshot of run {old.id} is no longer there: {manifest}; submit the script "
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


def _record(
    old: RunDirectory, record: dict[str, Any], environment: EnvironmentSpec, notices: list[str]
) -> dict[str, Any]:
    """run.json of the new run: what the old one was submitted with, and who asked now."""
    properties = {**(record.get("properties") or {}), ORIGIN: old.id}
    kept = ("type", "workspace", "tags", "snapshot", "git", "run_configuration")
    said = (*(record.get("notices") or ()), *environment.notices, *notices)
    return {
        **{key: record.get(key) for key in kept},
        "notices": list(dict.fromkeys(said)),
        "parent": None,
        "display_name": notes.read_notes(old, record).display_name,
        "properties": properties,
        "user": user_name(),
        "host": os.uname().nodename,
        "version": _version.__version__,
    }
