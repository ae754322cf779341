"""The system's keyring for scripts: their Python has no client for it, runyard's own has."""

import json
import os
import subprocess

from runyard.errors import UserErrorException
from runyard.job import context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, Mapping

_PROGRAM = "runyard.history.keyring_store"


class KeyringClient:
    """A store of secrets (see ``record.keyvault.SecretFile``) in another process.

    Secrets go through pipes; the arguments of the process name the program alone.
    """

    def __init__(self, workspace_id: str) -> None:
        self._workspace_id = workspace_id

    def read(self) -> "Dict[str, str]":
        """All secrets of the workspace. Raises UserErrorException."""
        found: "Dict[str, str]" = self._ask({})["secrets"]
        return found

    def change(self, given: "Mapping[str, str]", removed: "Iterable[str]" = ()) -> None:
        """Set some secrets and remove others. Raises UserErrorException."""
        self._ask({"given": dict(given), "removed": list(removed)})

    def _ask(self, request: "Mapping[str, Any]") -> "Dict[str, Any]":
        python = os.environ.get(context.PYTHON, "")
        if not os.path.exists(python):
            raise UserErrorException(
                "the secrets of this workspace are in the system's keyring, which a container "
                "does not reach; hand the run what it needs as an environment variable, or keep "
                "secrets in a folder: leave the setting keyvault out"
            )
        # -I: what the script's variables say to Python is not meant for this one.
        asked = json.dumps(dict(request, workspace=self._workspace_id)).encode("ascii")
        done = subprocess.Popen(
            [python, "-I", "-m", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        answer = done.communicate(asked)[0]
        try:
            found: "Dict[str, Any]" = json.loads(answer.decode("ascii"))
        except ValueError:
            found = {"error": "it ended with code {} and no answer".format(done.returncode)}
        if "error" in found:
            raise UserErrorException("the system's keyring: {}".format(found["error"]))
        return found
