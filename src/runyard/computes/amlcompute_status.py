"""How a pool stands: ``AmlComputeStatus`` and ``ScaleSettings`` (spec 14)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runyard.job.details import iso_time
from runyard.record.events import read_state
from runyard.record.layout import RunDirectory
from runyard.record.states import Status

NODE_STATES = ("preparing", "running", "idle", "unusable", "leaving", "preempted")
_PREPARING = (Status.NOT_STARTED, Status.QUEUED, Status.PREPARING, Status.STARTING)
_SUFFIX = "NodeCount"


class ScaleSettings:
    """``minimum_node_count``, ``maximum_node_count``, ``idle_seconds_before_scaledown``."""

    def __init__(
        self,
        minimum_node_count: int,
        maximum_node_count: int,
        idle_seconds_before_scaledown: int | None,
    ) -> None:
        self.minimum_node_count = minimum_node_count
        self.maximum_node_count = maximum_node_count
        self.idle_seconds_before_scaledown = idle_seconds_before_scaledown

    def serialize(self) -> dict[str, Any]:
        """As a dict in the words of SDK v1."""
        return {
            "minNodeCount": self.minimum_node_count,
            "maxNodeCount": self.maximum_node_count,
            "nodeIdleTimeBeforeScaleDown": f"PT{self.idle_seconds_before_scaledown or 0}S",
        }

    @staticmethod
    def deserialize(object_dict: Mapping[str, Any] | None) -> ScaleSettings | None:
        """The settings of such a dict; None of None."""
        if object_dict is None:
            return None
        idle = str(object_dict["nodeIdleTimeBeforeScaleDown"]).removeprefix("PT").removesuffix("S")
        return ScaleSettings(
            object_dict["minNodeCount"], object_dict["maxNodeCount"], int(float(idle or 0))
        )


class AmlComputeStatus:
    """A pool as it stood when it was asked.

    ``allocation_state``: always 'Steady', for nodes are neither made nor taken down here.
    ``current_node_count`` and ``target_node_count``: the places there are. ``node_state_counts``:
    how many of them are in each of ``preparing``, ``running``, ``idle``, ``unusable``,
    ``leaving``, ``preempted``. ``provisioning_state``: 'Succeeded', or 'Deleting'. Times are
    texts in UTC.
    """

    def __init__(  # noqa: PLR0917
        self,
        allocation_state: str,
        allocation_state_transition_time: str | None,
        creation_time: str | None,
        current_node_count: int,
        errors: list[Any] | None,
        modified_time: str | None,
        node_state_counts: Mapping[str, int],
        provisioning_state: str,
        provisioning_state_transition_time: str | None,
        scale_settings: ScaleSettings | None,
        target_node_count: int,
        vm_priority: str | None,
        vm_size: str | None,
    ) -> None:
        self.allocation_state = allocation_state
        self.allocation_state_transition_time = allocation_state_transition_time
        self.creation_time = creation_time
        self.current_node_count = current_node_count
        self.errors = errors
        self.modified_time = modified_time
        self.node_state_counts = node_state_counts
        self.provisioning_state = provisioning_state
        self.provisioning_state_transition_time = provisioning_state_transition_time
        self.scale_settings = scale_settings
        self.target_node_count = target_node_count
        self.vm_priority = vm_priority
        self.vm_size = vm_size

    def serialize(self) -> dict[str, Any]:
        """The figures as a dict in the words of SDK v1."""
        counts = self.node_state_counts
        return {
            "currentNodeCount": self.current_node_count,
            "targetNodeCount": self.target_node_count,
            "nodeStateCounts": {f"{name}{_SUFFIX}": counts.get(name, 0) for name in NODE_STATES},
            "allocationState": self.allocation_state,
            "allocationStateTransitionTime": self.allocation_state_transition_time,
            "errors": self.errors,
            "creationTime": self.creation_time,
            "modifiedTime": self.modified_time,
            "provisioningState": self.provisioning_state,
            "provisioningStateTransitionTime": self.provisioning_state_transition_time,
            "scaleSettings": self.scale_settings and self.scale_settings.serialize(),
            "vmPriority": self.vm_priority,
            "vmSize": self.vm_size,
        }

    @staticmethod
    def deserialize(object_dict: Mapping[str, Any] | None) -> AmlComputeStatus | None:
        """The status of such a dict; None of None."""
        if object_dict is None:
            return None
        counts = object_dict.get("nodeStateCounts") or {}
        return AmlComputeStatus(
            object_dict["allocationState"],
            object_dict.get("allocationStateTransitionTime"),
            object_dict.get("creationTime"),
            object_dict["currentNodeCount"],
            object_dict.get("errors"),
            object_dict.get("modifiedTime"),
            {key.removesuffix(_SUFFIX): count for key, count in counts.items()},
            object_dict["provisioningState"],
            object_dict.get("provisioningStateTransitionTime"),
            ScaleSettings.deserialize(object_dict.get("scaleSettings")),
            object_dict["targetNodeCount"],
            object_dict.get("vmPriority"),
            object_dict.get("vmSize"),
        )

    def __repr__(self) -> str:
        return f"AmlComputeStatus({self.serialize()})"


def status(record: Mapping[str, Any], taken: Mapping[int, RunDirectory]) -> AmlComputeStatus:
    """How a pool stands; ``taken``: its nodes that have a run."""
    states = [node_state(run) for run in taken.values()]
    # After the pool was made smaller, what runs still has its node.
    nodes = max(int(record["max_nodes"]), len(states))
    counts = {**dict.fromkeys(NODE_STATES, 0), "idle": nodes - len(states)}
    for state in states:
        counts[state] += 1
    changed = time_text(record.get("changed"))
    return AmlComputeStatus(
        allocation_state="Steady",
        allocation_state_transition_time=changed,
        creation_time=time_text(record.get("created")),
        current_node_count=nodes,
        errors=None,
        modified_time=time_text(record.get("modified")),
        node_state_counts=counts,
        provisioning_state=record.get("state") or "Succeeded",
        provisioning_state_transition_time=changed,
        scale_settings=scale_settings(record),
        target_node_count=int(record["max_nodes"]),
        vm_priority=(record.get("vm_priority") or "dedicated").capitalize(),
        vm_size=(record.get("vm_size") or "").upper() or None,
    )


def scale_settings(record: Mapping[str, Any]) -> ScaleSettings:
    """Those of a pool."""
    return ScaleSettings(
        int(record.get("min_nodes") or 0),
        int(record["max_nodes"]),
        record.get("idle_seconds_before_scaledown"),
    )


def node_state(run: RunDirectory) -> str:
    """The state of the node that a run has."""
    return "preparing" if read_state(run).status in _PREPARING else "running"


def time_text(seconds: object) -> str | None:
    """Seconds since 1970 as text in UTC; None of None."""
    return None if seconds is None else iso_time(float(str(seconds)))
