"""A pool that is made for a run: ``vm_size`` without a compute target (spec 2.1, 2.2, 9.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runyard.config import distribution
from runyard.errors import ExperimentExecutionException
from runyard.record import computes

if TYPE_CHECKING:
    from runyard.computes.pool import Pool
    from runyard.config.run_configuration import RunConfiguration
    from runyard.record.layout import WorkspaceDirectory

TEMPORARY = "amlcompute"
"""Name of the target whose nodes are there for one run."""


def target_name(run_config: RunConfiguration) -> str:
    """The name of the run's target: of a pool that is to be kept, the name it is given.

    Raises ExperimentExecutionException for the target 'amlcompute' without ``vm_size`` (spec 9.2)
    and for a pool to be kept without a name, UserErrorException for a name that cannot be given.
    """
    asked = run_config.amlcompute
    if run_config.target != TEMPORARY:
        return run_config.target
    if not asked.vm_size:
        raise ExperimentExecutionException(
            "the target 'amlcompute' is made for the run, and needs a machine size; give vm_size, "
            "such as 'STANDARD_D2_V2', or the name of a compute target"
        )
    if not asked.retain_cluster:
        return TEMPORARY
    if not asked.name:
        raise ExperimentExecutionException(
            "amlcompute.retain_cluster=True keeps the nodes made for the run under a name; give "
            "amlcompute.name, or leave retain_cluster at False"
        )
    from runyard.computes import registry

    registry.check_name(asked.name)
    return asked.name


def planned(run_config: RunConfiguration, workspace: WorkspaceDirectory) -> Pool | None:
    """The pool that submitting would make and keep; None where there is nothing to make."""
    name = target_name(run_config)
    if name == run_config.target or computes.read(workspace, name) is not None:
        return None
    from runyard.computes.pool import Pool

    return Pool(workspace, {"name": name, "max_nodes": _nodes(run_config)})


def make(run_config: RunConfiguration, workspace: WorkspaceDirectory) -> bool:
    """Make the pool that is to be kept, unless it is there; whether it was made."""
    if planned(run_config, workspace) is None:
        return False
    from runyard.computes import registry
    from runyard.computes.amlcompute import AmlCompute

    described = AmlCompute.provisioning_configuration(
        vm_size=run_config.amlcompute.vm_size or "",
        vm_priority=run_config.amlcompute.vm_priority or "dedicated",
        max_nodes=_nodes(run_config),
    )
    registry.create(workspace, target_name(run_config), described)
    return True


def without_effect(run_config: RunConfiguration) -> list[str]:
    """A name that nothing is kept under, in one sentence."""
    asked = run_config.amlcompute
    if not asked.name or (asked.retain_cluster and run_config.target == TEMPORARY):
        return []
    return [
        f"amlcompute.name={asked.name!r} has no effect: only nodes that are made for the run and "
        "kept (target 'amlcompute', retain_cluster=True) have a name"
    ]


def _nodes(run_config: RunConfiguration) -> int:
    count = distribution.resolved(run_config).node_count
    return max(count, run_config.amlcompute.cluster_max_node_count or 1)
