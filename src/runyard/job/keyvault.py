"""``Keyvault``: the secrets of a workspace (spec 12.8, 10), for notebooks and scripts alike.

Nothing of a secret reaches the run directory, logs, arguments or errors; how they are kept is the
matter of ``record.keyvault``, or of the system's keyring when the setting ``keyvault`` says so.
"""

import os
import re

from runyard.errors import UserErrorException
from runyard.job import context
from runyard.job.model import workspace_directory
from runyard.job.values import of_type
from runyard.record import keyvault
from runyard.record.layout import WorkspaceDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Mapping, Optional

_NAME = re.compile(r"[0-9A-Za-z_-]{1,127}\Z")


class Keyvault:
    """The secrets of a workspace: ``workspace.get_default_keyvault()``.

    Names are 1 to 127 letters, digits, '-' and '_', in letters of any case; values are text.
    """

    def __init__(self, workspace: "Any") -> None:
        self._directory: WorkspaceDirectory = workspace_directory(workspace)

    def get_secret(self, name: str) -> str:
        """The value of a secret. Raises UserErrorException when there is none of that name."""
        found = self.get_secrets([name])[name]
        if found is None:
            raise UserErrorException(
                "the workspace in {} has no secret {!r}; set it: runyard secret set {}".format(
                    self._directory.path, name, name
                )
            )
        return found

    def get_secrets(self, secrets: "Iterable[str]") -> "Dict[str, Optional[str]]":
        """Several secrets by name; None for those that are not there."""
        if isinstance(secrets, str):
            secrets = [secrets]
        known = {name.lower(): value for name, value in self._store().read().items()}
        return {name: known.get(str(name).lower()) for name in secrets}

    def set_secret(self, name: str, value: str) -> None:
        """Keep a secret; one of that name is replaced."""
        self.set_secrets({name: value})

    def set_secrets(self, secrets_batch: "Mapping[str, str]") -> None:
        """Keep several secrets, all of them or none.

        Raises UserErrorException for a name that cannot be used or a value that is no text.
        """
        if not isinstance(secrets_batch, dict):
            raise UserErrorException(
                "set_secrets takes a dict of text by name and got {}".format(of_type(secrets_batch))
            )
        for name, value in secrets_batch.items():
            _check(name, value)
        store = self._store()
        new = {name.lower() for name in secrets_batch}
        old = [name for name in store.read() if name.lower() in new and name not in secrets_batch]
        store.change(secrets_batch, old)

    def list_secrets(self) -> "List[str]":
        """The names of all secrets but those of datastores, sorted; never a value."""
        return sorted(name for name in self._store().read() if _NAME.match(name))

    def delete_secret(self, name: str) -> None:
        """Remove a secret; nothing when there is none of that name."""
        self.delete_secrets([name])

    def delete_secrets(self, secrets_batch: "Iterable[str]") -> None:
        """Remove several secrets; those that are not there are passed over."""
        if isinstance(secrets_batch, str):
            secrets_batch = [secrets_batch]
        gone = {str(name).lower() for name in secrets_batch}
        store = self._store()
        store.change({}, [name for name in store.read() if name.lower() in gone])

    def _store(self) -> "Any":
        if keyvault.where() != keyvault.KEYRING:
            return keyvault.SecretFile(keyvault.folder_of(self._directory))
        if os.environ.get(context.RUN_DIRECTORY):
            from runyard.job.keyring_client import KeyringClient

            return KeyringClient(keyvault.workspace_id(self._directory))
        from runyard import _names

        store = _names.load("runyard.history.keyring_store:KeyringStore")
        return store(keyvault.workspace_id(self._directory))

    def __repr__(self) -> str:
        return "Keyvault({!r})".format(self._directory.path)


def _check(name: object, value: object) -> None:
    if not isinstance(name, str) or not _NAME.match(name):
        raise UserErrorException(
            "secret name {!r} cannot be used: give 1 to 127 English letters, digits, '-' and "
            "'_'".format(name)
        )
    if not isinstance(value, str):
        raise UserErrorException(
            "the value of secret {!r} is a {}; give text".format(name, type(value).__name__)
        )
