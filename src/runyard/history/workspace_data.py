"""The datastores of a workspace, as its properties (spec 10)."""

from __future__ import annotations

from typing import Any

from runyard import _names


class WorkspaceData:
    """What a workspace knows of the data that runs use."""

    @property
    def datastores(self) -> dict[str, Any]:
        """The datastores by name, the four built-in ones first."""
        found: dict[str, Any] = _names.load("runyard.data.datastore:all_of")(self)
        return found

    def get_default_datastore(self) -> Any:
        """The default datastore: ``workspaceblobstore`` until another is chosen."""
        return _names.load("runyard.data.datastore:Datastore").get_default(self)

    def set_default_datastore(self, name: str) -> None:
        """Choose the default datastore. Raises UserErrorException when there is none so named."""
        _names.load("runyard.data.datastore:Datastore").get(self, name).set_as_default()
