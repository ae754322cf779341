"""``AmlCompute``: a named pool of places for runs on this machine (spec 14)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from runyard import _names
from runyard.computes import amlcompute_status, engine, registry
from runyard.computes.amlcompute_status import AmlComputeStatus
from runyard.computes.compute_target import ComputeTarget
from runyard.computes.pool_folder import DELETING, PoolFolder
from runyard.computes.provisioning import (
    DEFAULT_IDLE_S,
    AmlComputeProvisioningConfiguration,
)
from runyard.errors import ComputeTargetException
from runyard.history import targets
from runyard.history.index_query import TagFilter
from runyard.record import computes
from runyard.record.events import read_state

if TYPE_CHECKING:
    from runyard.history.run import Run
    from runyard.history.targets import QueuePlace
    from runyard.history.workspace import Workspace
    from runyard.record.layout import RunDirectory

_PAUSE_S = 0.1
_IDENTITIES = ("SystemAssigned", "UserAssigned")


class AmlCompute(ComputeTarget):
    """A pool: at most ``max_nodes`` runs at once, the others wait in order.

    Beside what every target has: ``engine`` (the attached cluster that has its nodes, None for this
    machine; not in SDK v1), ``vm_size``, ``vm_priority`` ('dedicated' or 'lowpriority'),
    ``scale_settings``, and the settings that mean nothing on this machine, as they were given:
    ``admin_username``, ``admin_user_ssh_key``, ``vnet_resourcegroup_name``, ``vnet_name``,
    ``subnet_name``, ``remote_login_port_public_access``, ``identity_type``, ``identity_id``,
    ``enable_node_public_ip``. A password is not kept: ``admin_user_password`` is None.
    """

    _kind = "AmlCompute"

    def _take_over(self, record: Mapping[str, Any]) -> None:
        super()._take_over(record)
        self.engine: str | None = record.get(engine.ENGINE)
        self.vm_size = str(record.get("vm_size") or "")
        self.vm_priority = str(record.get("vm_priority") or "dedicated")
        self.scale_settings = amlcompute_status.scale_settings(record)
        self.admin_username: str | None = record.get("admin_username")
        self.admin_user_password: str | None = None
        self.admin_user_ssh_key: str | None = record.get("admin_user_ssh_key")
        self.vnet_resourcegroup_name: str | None = record.get("vnet_resourcegroup_name")
        self.vnet_name: str | None = record.get("vnet_name")
        self.subnet_name: str | None = record.get("subnet_name")
        self.subnet_id: str | None = None
        self.remote_login_port_public_access = record.get("remote_login_port_public_access")
        self.identity_type: str | None = record.get("identity_type")
        self.identity_id: Any = record.get("identity_id")
        self.enable_node_public_ip = bool(record.get("enable_node_public_ip", True))

    @staticmethod
    def provisioning_configuration(  # noqa: PLR0917
        vm_size: str = "",
        vm_priority: str = "dedicated",
        min_nodes: int = 0,
        max_nodes: int | None = None,
        idle_seconds_before_scaledown: int = DEFAULT_IDLE_S,
        admin_username: str | None = None,
        admin_user_password: str | None = None,
        admin_user_ssh_key: str | None = None,
        vnet_resourcegroup_name: str | None = None,
        vnet_name: str | None = None,
        subnet_name: str | None = None,
        tags: Mapping[str, str] | None = None,
        description: str | None = None,
        remote_login_port_public_access: str = "NotSpecified",
        identity_type: str | None = None,
        identity_id: Any = None,
        location: str | None = None,
        enable_node_public_ip: bool = True,
    ) -> AmlComputeProvisioningConfiguration:
        """What ``ComputeTarget.create`` makes a pool of (spec 14).

        ``vm_size``: a machine size of Azure, which becomes what its runs ask for; '' asks for
        nothing. ``max_nodes``: how many runs at once. What belongs to a cloud is checked, kept
        and said to have no effect. Raises ComputeTargetException without ``max_nodes``, for counts
        below 0 or ``max_nodes`` below ``min_nodes``, a user without password and key, a weak
        password, an incomplete virtual network, ``identity_id`` without ``identity_type``;
        UserErrorException for an unknown machine size.
        """
        return AmlComputeProvisioningConfiguration(**locals())

    def wait_for_completion(  # type: ignore[override]  # the order of SDK v1
        self,
        show_output: bool = False,
        min_node_count: int | None = None,
        timeout_in_minutes: float = 25,
        is_delete_operation: bool = False,
    ) -> None:
        """Return at once: the nodes of a pool on this machine are there as soon as it is.

        ``is_delete_operation``: wait until the runs of a pool that is being deleted have ended, and
        it is gone; raises ComputeTargetException after ``timeout_in_minutes``. ``min_node_count``
        above the most nodes raises ComputeTargetException.
        """
        if is_delete_operation:
            self._wait_until_gone(show_output, timeout_in_minutes)
            return
        self.refresh_state()
        most = self.scale_settings.maximum_node_count
        if min_node_count is not None and min_node_count > most:
            raise ComputeTargetException(
                f"min_node_count={min_node_count} cannot be reached: {self.name!r} has at most "
                f"{most} nodes; raise that: target.update(max_nodes={min_node_count})"
            )
        if show_output:
            print(self.provisioning_state)
            print("AmlCompute wait for completion finished\n")
            where = "this machine" if self.engine is None else f"nodes of {self.engine!r}"
            print(f"{self.name!r} runs up to {most} at once on {where}")

    def _wait_until_gone(self, show_output: bool, timeout_in_minutes: float) -> None:
        deadline = time.monotonic() + timeout_in_minutes * 60
        if show_output:
            print(DELETING)
        while self._runs_left():
            if time.monotonic() >= deadline:
                raise ComputeTargetException(
                    f"compute target {self.name!r} is still being deleted after "
                    f"{timeout_in_minutes} minutes; see what runs: runyard compute show {self.name}"
                )
            time.sleep(_PAUSE_S)
        self.provisioning_state = "Deleted"
        if show_output:
            print("Deleted")

    def _runs_left(self) -> bool:
        """Whether the pool is still there; a look at it is what makes it go."""
        if computes.read(self.workspace.directory, self.name) is None:
            return False
        self.workspace.reconcile()
        return computes.read(self.workspace.directory, self.name) is not None

    def get(self) -> dict[str, Any]:
        """It as a dict, read again."""
        self.refresh_state()
        return self.serialize()

    def get_status(self) -> AmlComputeStatus | None:
        """How it stands now; None when it was deleted."""
        record = computes.read(self.workspace.directory, self.name)
        if record is None:
            return None
        self._take_over(record)
        return amlcompute_status.status(record, self._taken())

    @property
    def status(self) -> AmlComputeStatus | None:
        """How it stands now; None when it was deleted."""
        return self.get_status()

    def _pool(self) -> Any:
        return targets.load_target(self.name, self.workspace.directory)

    def _taken(self) -> dict[int, RunDirectory]:
        """Node → the run that goes on there; the runner of one that has ended leaves it at once."""
        taken: dict[int, RunDirectory] = self._pool().taken()
        return {number: run for number, run in taken.items() if not read_state(run).status.ended}

    @property
    def _folder(self) -> PoolFolder:
        return PoolFolder(self.workspace.directory, self.name)

    def list_nodes(self) -> list[dict[str, Any]]:
        """Its nodes: ``nodeId``, ``nodeState``, ``runId`` (None for an idle one), and the
        addresses of this machine."""
        status = self.get_status()
        taken = {} if status is None else self._taken()
        count = 0 if status is None else status.current_node_count
        numbers = [*taken, *(n for n in range(count + len(taken)) if n not in taken)][:count]
        return [
            {
                "nodeId": f"{self.name}-{number}",
                "port": None,
                "publicIpAddress": None,
                "privateIpAddress": "127.0.0.1" if self.engine is None else None,
                "nodeState": (
                    amlcompute_status.node_state(taken[number]) if number in taken else "idle"
                ),
                "runId": taken[number].id if number in taken else None,
            }
            for number in sorted(numbers)
        ]

    def queue(self) -> list[tuple[RunDirectory, QueuePlace]]:
        """The runs that wait for a node, in order (not in SDK v1)."""
        runs = self._pool().waiting()
        places = targets.places(self.workspace.directory, self.name, runs)
        return [(run, place) for run, place in zip(runs, places, strict=True) if place is not None]

    def update(
        self,
        min_nodes: int | None = None,
        max_nodes: int | None = None,
        idle_seconds_before_scaledown: int | None = None,
    ) -> None:
        """Change the scale; None leaves a value as it is.

        Fewer nodes: what runs goes on to its end. More: runs that wait start before this returns.
        Raises ComputeTargetException for counts that cannot be, and for a deleted target.
        """
        given = {
            "min_nodes": min_nodes,
            "max_nodes": max_nodes,
            "idle_seconds_before_scaledown": idle_seconds_before_scaledown,
        }
        changes = {key: value for key, value in given.items() if value is not None}
        registry.update(self.workspace.directory, self.name, changes)
        self.refresh_state()

    def delete(self) -> None:
        """Ask its runs to end, those that wait and those that run; it goes when they are gone.

        A line says how many there are. Raises ComputeTargetException when it was deleted already.
        """
        asked = registry.delete(self.workspace.directory, self.name)
        self.provisioning_state = DELETING
        if asked:
            print(
                f"compute target {self.name!r}: {asked} run{'s are' if asked > 1 else ' is'} asked "
                "to end; it is removed when they have"
            )

    def detach(self) -> None:
        """Raises ComputeTargetException: a pool is made, and not attached (spec 14)."""
        super().detach()

    def get_active_runs(
        self,
        type: str | None = None,
        tags: TagFilter = None,
        properties: TagFilter = None,
        status: str | None = None,
    ) -> Iterator[Run]:
        """Its runs that have not ended, newest first, as a generator."""
        from runyard.history.run import Run

        for run in Run.list_by_compute(self, type, tags, properties, status):
            if run.get_status() not in ("Completed", "Failed", "Canceled"):
                yield run

    def add_identity(self, identity_type: str, identity_id: Any = None) -> None:
        """Keep an identity with the target; it has no effect on this machine."""
        if identity_type not in _IDENTITIES:
            raise ComputeTargetException(
                f"identity_type={identity_type!r} is not known; give 'SystemAssigned' or "
                "'UserAssigned'"
            )
        registry.change(self._folder, {"identity_type": identity_type, "identity_id": identity_id})
        self.refresh_state()

    def remove_identity(self, identity_id: Any = None) -> None:
        """Forget the identity kept with the target."""
        registry.change(self._folder, {"identity_type": None, "identity_id": None})
        self.refresh_state()

    @staticmethod
    def supported_vmsizes(
        workspace: Workspace, location: str | None = None
    ) -> list[dict[str, Any]]:
        """The machine sizes that ``vm_size`` may name, each with what it has."""
        return [
            {
                "name": size.name,
                "vCPUs": size.vcpus,
                "gpus": size.gpus,
                "memoryGB": size.memory_bytes / 2**30,
            }
            for size in _names.load("runyard.computes.machine_sizes:sizes")()
        ]

    @staticmethod
    def list_usages(
        workspace: Workspace, show_all: bool = False, location: str | None = None
    ) -> list[dict[str, Any]]:
        """Empty: a machine of one's own has no quota."""
        return []

    @staticmethod
    def list_quotas(workspace: Workspace, location: str | None = None) -> list[dict[str, Any]]:
        """Empty: a machine of one's own has no quota."""
        return []

    @staticmethod
    def update_quotas(
        workspace: Workspace,
        vm_family: Any,
        limit: int | None = None,
        location: str | None = None,
    ) -> None:
        """Raises ComputeTargetException: there is no quota to change."""
        raise ComputeTargetException(
            "a machine of one's own has no quota; how many runs a pool takes at once is its "
            "max_nodes: target.update(max_nodes=4)"
        )

    def serialize(self) -> dict[str, Any]:
        """It as a dict in the words of SDK v1."""
        found = super().serialize()
        status = self.get_status()
        found["properties"] |= {
            "vmSize": self.vm_size,
            "vmPriority": self.vm_priority,
            "scaleSettings": self.scale_settings.serialize(),
            "adminUserName": self.admin_username,
            "subnetId": self.subnet_id,
            "status": None if status is None else status.serialize(),
        }
        return found
