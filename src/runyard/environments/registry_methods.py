"""Registering environments and finding them again (spec 6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runyard.environments.environment import Environment


class RegistryMethods:
    """``register``, ``get``, ``list`` and ``label``."""

    def register(self, workspace: Any) -> Environment:
        """Store the environment in the workspace; returns it as it is stored, with its version.

        Versions are '1', '2', …; a content that is stored under this name already keeps its
        version. With ``version`` set, that one is used, and a warning says so. Raises
        UserErrorException for a name that cannot be used, and for a version that holds another
        content.
        """
        from runyard.environments import registry
        from runyard.environments.environment import Environment

        assert isinstance(self, Environment)
        return registry.register(workspace, self)

    @staticmethod
    def get(
        workspace: Any, name: str, version: str | None = None, label: str | None = None
    ) -> Environment:
        """The registered environment; without ``version`` and ``label`` the latest.

        A name beginning with ``AzureML-`` is a curated environment. Raises UserErrorException
        when there is none, and for ``version`` and ``label`` together.
        """
        from runyard.environments import curated, registry

        registry.refuse_both(version, label)
        if curated.is_reserved(name):
            return curated.get(name, version)
        return registry.get(workspace, name, version, label)

    @staticmethod
    def list(workspace: Any) -> dict[str, Environment]:
        """The latest version of each environment by name, the curated ones too."""
        from runyard.environments import curated, registry

        return {**curated.every(), **registry.latest(workspace)}

    @staticmethod
    def label(workspace: Any, name: str, version: str, labels: Iterable[str]) -> None:
        """Give a version labels; a label belongs to one version at a time.

        Raises UserErrorException for a version that is not there, or labels that are no texts.
        """
        from runyard.environments import registry

        registry.label(workspace, name, version, labels)
