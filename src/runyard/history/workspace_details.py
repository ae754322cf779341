"""What a workspace says of itself: workspace.json under the names of SDK v1 (spec 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runyard.history import workspace_folder as folder
from runyard.job.details import iso_time
from runyard.record.layout import WorkspaceDirectory

_OF_AZURE = frozenset(
    (
        "add_private_endpoint",
        "delete_connection",
        "delete_private_endpoint_connection",
        "diagnose_workspace",
        "discovery_url",
        "get_connection",
        "list_connections",
        "list_keys",
        "service_context",
        "set_connection",
        "setup",
        "sync_keys",
        "update_dependencies",
    )
)


class WorkspaceDetails:
    """Name, id, tags and what of the cloud was given when it was made."""

    DEFAULT_CPU_CLUSTER_NAME = "cpu-cluster"
    DEFAULT_GPU_CLUSTER_NAME = "gpu-cluster"

    _directory: WorkspaceDirectory
    _content: dict[str, Any]

    if not TYPE_CHECKING:  # a type checker knows the names without it

        def __getattr__(self, name):
            raise AttributeError(
                f"Workspace.{name} is not here: it belongs to the cloud service of Azure, which "
                "runyard does without"
                if name in _OF_AZURE
                else f"'Workspace' object has no attribute {name!r}"
            )

    def update(
        self,
        friendly_name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        **cloud: Any,
    ) -> dict[str, Any]:
        """Change what is given and return the details; ``tags`` replaces all tags."""
        given = {"friendly_name": friendly_name, "description": description, "tags": tags, **cloud}
        changes = {key: value for key, value in given.items() if value is not None}
        self._content = folder.update(self._directory, changes)
        return self.get_details()

    def get_details(self) -> dict[str, Any]:
        """What is known of the workspace, under the names of SDK v1."""
        return {
            "id": self.id,
            "name": self.name,
            "location": self.location,
            "type": "Workspace",
            "tags": self.tags,
            "sku": self.sku,
            "workspaceid": self.id,
            "description": self._content.get("description"),
            "friendlyName": self._content.get("friendly_name") or self.name,
            "creationTime": iso_time(float(self._content.get("created") or 0.0)),
            "path": self.path,
        }

    @property
    def directory(self) -> WorkspaceDirectory:
        """Where things lie in it."""
        return self._directory

    @property
    def path(self) -> str:
        """The workspace folder, absolute."""
        return self._directory.path

    @property
    def name(self) -> str:
        """Its name."""
        return str(self._content["name"])

    @property
    def id(self) -> str:
        """32 hex digits, given when it was made."""
        return str(self._content.get("id", ""))

    @property
    def subscription_id(self) -> str:
        """As given when it was made; ``local``, as in runs, when it was not: code prints it."""
        return str(self._content.get("subscription_id") or "local")

    @property
    def resource_group(self) -> str:
        """As given when it was made; ``local`` when it was not."""
        return str(self._content.get("resource_group") or "local")

    @property
    def location(self) -> str:
        """As given when it was made; ``local`` when it was not."""
        return str(self._content.get("location") or "local")

    @property
    def sku(self) -> str:
        """As given when it was made; ``basic`` when it was not."""
        return str(self._content.get("sku", "basic"))

    @property
    def tags(self) -> dict[str, str]:
        """Its tags."""
        return dict(self._content.get("tags") or {})
