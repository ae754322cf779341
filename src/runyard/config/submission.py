"""From a configuration to a run: plan, snapshot, start."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard import _version
from runyard.computes import runner_ahead
from runyard.config import checks, containers, datasets, planning, run_based, specification
from runyard.config.start import Content, start
from runyard.errors import UserErrorException
from runyard.history import git, store_lock
from runyard.history.run import Run, ScriptRun
from runyard.history.snapshot_limit import MAX_SKIPPED
from runyard.history.snapshots import SnapshotStore
from runyard.history.writing import writing
from runyard.job.interactive import user_name
from runyard.job.values import texts
from runyard.record import creation
from runyard.record.layout import RunDirectory, WorkspaceDirectory

if TYPE_CHECKING:
    from runyard.computes.protocol import ComputeTarget
    from runyard.config.planning import Plan
    from runyard.config.script_run_config import ScriptRunConfig
    from runyard.config.specification import Specified
    from runyard.history.experiment import Experiment

_log = logging.getLogger(__name__)


def submit(
    config: ScriptRunConfig,
    experiment: Experiment,
    *,
    tags: Mapping[str, Any] | None = None,
    run_id: str | None = None,
    parent: Run | None = None,
    script_checks: Collection[str] = (),
    refresh: bool = False,
) -> Run:
    """Plan, store the source, write the run directory and have the target start a runner.

    ``tags``: text by name; other values become text, None becomes ''. ``run_id``: a name for the
    run, unused so far; None makes one (spec 9.1). ``parent``: the run this one is a child of.
    ``script_checks``: those of ``planning.plan``; what they find becomes Python warnings.
    ``refresh``: resolve unpinned packages again, in a new build of the environment.
    Returns as soon as the runner is started. Raises what ``planning.plan`` raises and
    UserErrorException for a run id that is taken or cannot be used; nothing is left behind then.
    Raises ExperimentExecutionException when the workspace cannot be written to, or when the
    target started nothing: that run stays, Failed with the reason launch_failed.
    """
    run_id = run_id or creation.new_run_id(experiment.name)
    with _runner_ahead(config, experiment.workspace.directory.run(experiment.name, run_id)):
        return _submit(
            config,
            experiment,
            tags=_tag_texts(tags),
            run_id=run_id,
            parent=parent,
            script_checks=script_checks,
            refresh=refresh,
        )


def _runner_ahead(
    config: ScriptRunConfig, run: RunDirectory
) -> contextlib.AbstractContextManager[None]:
    """A runner of this machine starts while the run is planned, which takes as long."""
    if run_based.target_name(config.run_config) != "local":
        return contextlib.nullcontext()
    return runner_ahead.waiting(run)


def _submit(
    config: ScriptRunConfig,
    experiment: Experiment,
    *,
    tags: dict[str, str],
    run_id: str,
    parent: Run | None,
    script_checks: Collection[str],
    refresh: bool,
) -> Run:
    workspace = experiment.workspace
    directory = workspace.directory.run(experiment.name, run_id)
    specified = specification.specify(config, workspace, refresh=refresh)
    spec = specified.spec.to_dict()
    with _target_ahead(specified, spec, directory):
        planned = planning.complete(
            specified, workspace, experiment=experiment.name, script_checks=script_checks
        )
        for warning in planned.warnings:
            warnings.warn(warning, UserWarning, stacklevel=5)
        for notice in planned.notices:
            _log.info("%s", notice)
        target = _made(planned, workspace.directory)
        # The lock of the store is held until run.json refers to the snapshot.
        with store_lock.shared(workspace.path) as hold:
            with writing(workspace.directory):
                snapshot_id = _take_snapshot(planned, workspace.directory, hold)
            run = start(
                workspace.directory,
                experiment.name,
                target,
                Content(spec, lambda: _record(planned, workspace.name, snapshot_id, tags, parent)),
                planned.secrets,
                run_id=run_id,
                parent=None if parent is None else parent.directory,
                recorded=hold.release,
            )
    datasets.remember(config, run)
    return ScriptRun(experiment, run.id)


def _target_ahead(
    specified: Specified, spec: dict[str, Any], run: RunDirectory
) -> contextlib.AbstractContextManager[None]:
    """What the target can do while the source is looked at and the folder of the run is made."""
    ahead = getattr(specified.target, "ahead", None)
    if ahead is None or specified.spec.relay:
        return contextlib.nullcontext()
    begun: contextlib.AbstractContextManager[None] = ahead(run, spec, specified.secrets)
    return begun


def _made(planned: Plan, workspace: WorkspaceDirectory) -> ComputeTarget:
    """The target of the run; a pool that is to be kept is made, unless it is there."""
    with writing(workspace):
        made = run_based.make(planned.config.run_config, workspace)
    if not made:
        return planned.target
    return specification.find_target(planned.spec.target, workspace)


def _tag_texts(tags: object) -> dict[str, str]:
    if tags is None:
        return {}
    if not isinstance(tags, Mapping):
        raise UserErrorException(
            f"tags is {tags!r} of type {type(tags).__name__}; give a dict such as "
            "{'stage': 'trial'}"
        )
    return texts(tags)


def _take_snapshot(planned: Plan, workspace: WorkspaceDirectory, hold: store_lock.Hold) -> str:
    source = Path(planned.spec.source_directory)
    store = SnapshotStore(Path(workspace.path))
    snapshot_id = store.take(source, planned=planned.snapshot, hold=hold).id
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
    """The content of run.json but for the spec."""
    described = git.describe(Path(planned.spec.source_directory))
    properties = {
        "ContentSnapshotId": snapshot_id,
        "_azureml.ComputeTargetType": planned.spec.target,
        **described,
    }
    return {
        "type": ScriptRun.RUN_TYPE,
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
        "notices": [text for text in planned.notices if text != containers.NO_CONTAINER],
        "run_configuration": planned.run_configuration,
    }
