"""The secrets of a workspace in the system's keyring (extra ``keyring``).

All secrets of a workspace are one entry: service ``runyard``, user name the id of the workspace.
As a program it answers one request of ``job.keyring_client``, in JSON through pipes.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runyard.errors import RunyardError, UserErrorException
from runyard.record import keyvault

_SERVICE = "runyard"


class KeyringStore:
    """A store of secrets, with the law of ``record.keyvault.SecretFile``.

    Raises UserErrorException when the keyring cannot be used.
    """

    def __init__(self, workspace_id: str) -> None:
        self._workspace_id = workspace_id
        self._keyring = _keyring()

    def read(self) -> dict[str, str]:
        """All secrets; {} while there are none."""
        found = _asked(self._keyring.get_password, _SERVICE, self._workspace_id)
        place = f"the entry of workspace {self._workspace_id} in the keyring"
        return {} if found is None else keyvault.parsed(found.encode(), place)

    def change(self, given: Mapping[str, str], removed: Iterable[str] = ()) -> None:
        """Set some secrets and remove others.

        One change at a time: the lock is the empty folder that would have the file of secrets.
        """
        folder = os.path.join(keyvault.default(), self._workspace_id)
        try:
            keyvault.make_folder(folder)
            with keyvault.locked(folder):
                self._change(given, removed)
        except OSError as error:
            raise UserErrorException(
                f"secrets cannot be changed without a lock in {folder}: {error.strerror}; let this "
                "user write there"
            ) from None

    def _change(self, given: Mapping[str, str], removed: Iterable[str]) -> None:
        secrets = {**self.read(), **given}
        for name in removed:
            secrets.pop(name, None)
        content = keyvault.serialised(secrets).decode()
        _asked(self._keyring.set_password, _SERVICE, self._workspace_id, content)


def _keyring() -> Any:
    try:
        import keyring
        import keyring.backends.fail
    except ImportError:
        raise UserErrorException(
            "keyvault = 'keyring' needs the package keyring, which is not installed; "
            f"{sys.executable} -m pip install 'keyring>=24', or leave the setting out to keep "
            "secrets in a file"
        ) from None
    if isinstance(keyring.get_keyring(), keyring.backends.fail.Keyring):
        raise UserErrorException(
            "keyvault = 'keyring', and this machine has no keyring that can be used (no Secret "
            "Service, KWallet or macOS keychain answers); leave the setting out to keep secrets "
            "in a file"
        )
    return keyring


def _asked(call: Callable[..., Any], *given: str) -> Any:
    """What the keyring answers. What a backend raises may show what it was given: not told."""
    try:
        return call(*given)
    except Exception as error:
        kind = type(error).__name__
    raise UserErrorException(f"the system's keyring refused: {kind}; unlock it and try again")


def main() -> None:
    """Answer the request on stdin; with ``given`` and ``removed`` it is a change."""
    request = json.loads(sys.stdin.buffer.read())
    try:
        store = KeyringStore(request["workspace"])
        if "given" in request:
            store.change(request["given"], request["removed"])
            answer: dict[str, Any] = {}
        else:
            answer = {"secrets": store.read()}
    except RunyardError as error:
        answer = {"error": error.message}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
