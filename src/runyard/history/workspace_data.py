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

    @property
    def datasets(self) -> dict[str, Any]:
        """The latest version of every registered dataset, by name.

        ``[name]`` of one that is not there raises an error that is a KeyError as well.
        """
        from runyard.job.dataset_methods import registered

        return registered(self)

    def get_default_datastore(self) -> Any:
        """The default datastore: ``workspaceblobstore`` until another is chosen."""
        return _names.load("runyard.data.datastore:Datastore").get_default(self)

    def set_default_datastore(self, name: str) -> None:
        """Choose the default datastore. Raises UserErrorException when there is none so named."""
        _names.load("runyard.data.datastore:Datastore").get(self, name).set_as_default()
