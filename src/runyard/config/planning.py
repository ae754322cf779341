"""From what the user wrote to a frozen ``Plan``: every check that needs nothing to start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.config import checks
from runyard.config.specification import Specified, specify
from runyard.environments import plain
from runyard.history.snapshots import SnapshotStore

if TYPE_CHECKING:
    from collections.abc import Collection

    from runyard.config.dataset_sections import Data
    from runyard.config.jobspec import JobSpec
    from runyard.config.script_run_config import ScriptRunConfig
    from runyard.data.spec import DatasetSpec
    from runyard.history.snapshots import SnapshotPlan
    from runyard.history.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Plan(Specified):
    """What ``submission.submit`` will do, and nothing of it done.

    ``experiment``: name of the experiment. ``snapshot``: what of the source folder is copied.
    ``warnings``: what the checks that were asked for found in the script.
    """

    experiment: str
    snapshot: SnapshotPlan
    warnings: tuple[str, ...] = ()

    @property
    def run_configuration(self) -> dict[str, Any]:
        """The configuration in the form of SDK v1, secrets masked."""
        spec, data = self.spec, self.data
        shown = self.config.run_config.to_dict()
        shown["script"] = spec.script
        shown["arguments"] = plain.value(data.arguments)
        shown["command"] = plain.value(data.command) or ""
        shown["dataReferences"] = plain.value(data.references)
        shown["data"] = {one.name: _with_id(data.inputs[one.name], one) for one in spec.datasets}
        shown["outputData"] = plain.value(data.outputs)
        shown["sourceDirectoryDataStore"] = data.store
        return shown


def plan(
    config: ScriptRunConfig,
    workspace: Workspace,
    *,
    experiment: str,
    script_checks: Collection[str] = (),
    refresh: bool = False,
) -> Plan:
    """Check a configuration and say what submitting it will do. Changes nothing, starts no run.

    ``script_checks``: of 'lint' and 'packages', the checks of the script that only warn.
    ``refresh``: as for ``environments.resolve``.
    Raises UserErrorException (source folder, arguments, variables, limit, data),
    ExperimentExecutionException (script, nothing to run, no target; spec 9.2),
    RunConfigurationException (parts that are not built yet, unknown target),
    ComputeTargetException (what the target cannot do), SnapshotException (source too large or
    unreadable) and what ``environments.resolve`` raises.
    """
    specified = specify(config, workspace, refresh=refresh)
    return complete(specified, workspace, experiment=experiment, script_checks=script_checks)


def complete(
    specified: Specified,
    workspace: Workspace,
    *,
    experiment: str,
    script_checks: Collection[str] = (),
) -> Plan:
    """The second half of ``plan``: look into the source folder, whose files are many."""
    source, spec = specified.source, specified.spec
    snapshot = SnapshotStore(Path(workspace.directory.path)).plan(source)
    checks.result_folders(source, snapshot)
    if spec.script is not None:
        checks.script_in_snapshot(spec.script, source, snapshot)
    found = {**vars(specified), "notices": (*snapshot.warnings, *specified.notices)}
    warnings = _warnings(spec, script_checks)
    return Plan(**found, experiment=experiment, snapshot=snapshot, warnings=warnings)


def _warnings(spec: JobSpec, wanted: Collection[str]) -> tuple[str, ...]:
    if not wanted:
        return ()
    from runyard.config import script_checks

    return script_checks.warnings_of(spec, wanted)


def _with_id(section: Data, spec: DatasetSpec) -> dict[str, Any]:
    """An input with the version of the dataset that the run reads."""
    identity = {"id": spec.id, "name": spec.dataset, "version": spec.version}
    location = {"dataset": identity, "dataPath": None, "uri": None}
    return {**plain.section(section), "dataLocation": location, "mechanism": spec.mode}
