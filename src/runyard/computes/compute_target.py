"""``ComputeTarget``: the compute targets of a workspace, as SDK v1 shows them (spec 14)."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from runyard.computes import registry
from runyard.computes.amlcompute_status import time_text
from runyard.computes.provisioning import ComputeTargetProvisioningConfiguration
from runyard.errors import ComputeTargetException, UserErrorException
from runyard.history import targets
from runyard.record import computes

if TYPE_CHECKING:
    from runyard.history.workspace import Workspace

LOCAL = "local"

_log = logging.getLogger(__name__)


class ComputeTarget:
    """A place where runs run: ``ComputeTarget(workspace, name)`` is an object of its own class.

    ``name``, ``workspace``, ``type`` ('AmlCompute', 'local'), ``location``, ``description``,
    ``tags``, ``provisioning_state``, ``provisioning_errors``, ``created_on``, ``modified_on``,
    ``is_attached``. Raises ComputeTargetException, whose text begins with
    ``ComputeTargetNotFound: ``, when the workspace has no target of that name and class.
    """

    _kinds: ClassVar[dict[str, type[ComputeTarget]]] = {}
    _kind = ""

    def __init_subclass__(cls) -> None:
        cls._kinds[cls._kind] = cls

    def __new__(cls, workspace: Workspace, name: str) -> ComputeTarget:
        """An object of the class that goes with the target's type."""
        record = _record(workspace, name)
        kind = cls._kinds[record[computes.KIND]]
        if not issubclass(kind, cls):
            raise ComputeTargetException(
                f"{targets.TARGET_NOT_FOUND}no {cls.__name__} named {name!r}; the target of that "
                f"name is of type {record.get(computes.KIND)!r}: ComputeTarget(workspace, {name!r})"
            )
        return object.__new__(kind)

    def __init__(self, workspace: Workspace, name: str) -> None:
        self.workspace = workspace
        self.name: str = name
        self.refresh_state()

    def refresh_state(self) -> None:
        """Read it again. Raises ComputeTargetException when it was deleted meanwhile."""
        self._take_over(_record(self.workspace, self.name))

    def _take_over(self, record: Mapping[str, Any]) -> None:
        self.type = str(record[computes.KIND])
        self.location: str | None = record.get("location") or self.workspace.location
        self.description: str | None = record.get("description")
        self.tags: dict[str, str] = dict(record.get("tags") or {})
        self.provisioning_state: str = record.get("state") or "Succeeded"
        self.provisioning_errors: list[Any] | None = None
        self.is_attached = False
        self.created_on = time_text(record.get("created"))
        self.modified_on = time_text(record.get("modified"))
        self.cluster_resource_id: str | None = None
        self.cluster_location = self.location

    @property
    def id(self) -> str:
        """Text that names it in the cloud's way."""
        return f"{self.workspace.id}/computes/{self.name}"

    @staticmethod
    def create(
        workspace: Workspace,
        name: str,
        provisioning_configuration: ComputeTargetProvisioningConfiguration,
    ) -> ComputeTarget:
        """Make a target; it can be used when this returns.

        One of that name with the same settings is returned as it is. Other node counts, idle
        seconds, tags and description are taken over, as ``update`` would; anything else is refused
        with ComputeTargetException, for runs may count on what the target is. Raises
        UserErrorException for a reserved or impossible name.
        """
        registry.check_name(name)
        if not isinstance(provisioning_configuration, ComputeTargetProvisioningConfiguration):
            raise UserErrorException(
                f"provisioning_configuration is {provisioning_configuration!r} of type "
                f"{type(provisioning_configuration).__name__}; give "
                "AmlCompute.provisioning_configuration(max_nodes=2)"
            )
        for notice in registry.create(workspace.directory, name, provisioning_configuration):
            _log.warning("compute target %r: %s", name, notice)
        return ComputeTarget(workspace, name)

    @staticmethod
    def attach(workspace: Workspace, name: str, attach_configuration: Any) -> ComputeTarget:
        """Make a cluster that is there a target: what ``SlurmCompute.attach_configuration`` made.

        It can be used when this returns; one of that name that was attached gets the new settings.
        Raises UserErrorException for a name, and ComputeTargetException for settings, that cannot
        be used.
        """
        registry.check_name(name)
        from runyard.computes.slurm import compute

        compute.attach(workspace, name, attach_configuration)
        return ComputeTarget(workspace, name)

    @staticmethod
    def list(workspace: Workspace) -> list[ComputeTarget]:
        """The targets of the workspace, by name; 'local' is everywhere and not among them.

        One that cannot be read is left out, with a warning.
        """
        found = []
        for name in computes.names(workspace.directory):
            try:
                found.append(ComputeTarget(workspace, name))
            except ComputeTargetException as error:
                _log.warning("left out: %s", error.message)
        return found

    def wait_for_completion(
        self, show_output: bool = False, is_delete_operation: bool = False
    ) -> None:
        """Return at once: a target can be used as soon as it is made."""
        if show_output:
            print(self.provisioning_state)

    def get_status(self) -> Any:
        """The provisioning state, such as 'Succeeded'."""
        self.refresh_state()
        return self.provisioning_state

    def delete(self) -> None:
        """Raises ComputeTargetException: this target is part of the machine."""
        raise ComputeTargetException(f"compute target {self.name!r} cannot be deleted")

    def detach(self) -> None:
        """Raises ComputeTargetException: this target was made here, and not attached."""
        raise ComputeTargetException(
            f"compute target {self.name!r} was not attached, so it cannot be detached; to remove "
            "it, call delete()"
        )

    def serialize(self) -> dict[str, Any]:
        """It as a dict in the words of SDK v1."""
        return {
            "id": self.id,
            "name": self.name,
            "location": self.location,
            "type": self.type,
            "tags": self.tags,
            "properties": {
                "description": self.description,
                "computeType": self.type,
                "computeLocation": self.location,
                "provisioningState": self.provisioning_state,
                "provisioningErrors": self.provisioning_errors,
                "isAttachedCompute": self.is_attached,
                "createdOn": self.created_on,
                "modifiedOn": self.modified_on,
            },
        }

    @staticmethod
    def deserialize(workspace: Workspace, object_dict: Mapping[str, Any]) -> ComputeTarget:
        """The target that a dict of ``serialize`` names. Raises as the constructor does."""
        return ComputeTarget(workspace, object_dict["name"])

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, also one in another process, is read again."""
        return ComputeTarget, (self.workspace, self.name)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(workspace={self.workspace.name!r}, name={self.name!r}, "
            f"type={self.type}, provisioning_state={self.provisioning_state!r})"
        )


list_ = list  # the method of that name hides the type inside the class


class LocalCompute(ComputeTarget):
    """This machine, without a queue: ``ComputeTarget(workspace, 'local')``."""

    _kind = LOCAL


def _record(workspace: Workspace, name: str) -> dict[str, Any]:
    if name == LOCAL:
        return {computes.KIND: LOCAL}
    record = computes.read(workspace.directory, name) if isinstance(name, str) else None
    if record is None:
        why = targets.unknown(name, workspace.directory)
        raise ComputeTargetException(f"{targets.TARGET_NOT_FOUND}{why}")
    targets.kind_of(name, record)
    _import_classes()
    return record


def _import_classes() -> None:
    """The class of each type; they import this module, so it cannot import them at first."""
    for module in ("runyard.computes.amlcompute", "runyard.computes.slurm.compute"):
        importlib.import_module(module)
