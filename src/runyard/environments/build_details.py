"""``ImageBuildDetails``: a build that goes on in a process of its own (spec 6)."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from runyard import _lending
from runyard.environments import cache
from runyard.errors import ActivityFailedException

if TYPE_CHECKING:
    from runyard.environments.environment import Environment
    from runyard.environments.spec import EnvironmentSpec

RUNNING, SUCCEEDED, FAILED = "Running", "Succeeded", "Failed"

_BUILDS = "builds"
_PAUSE_S = 0.05
# A build goes on when nobody holds its details any more.
_STARTED: list[subprocess.Popen[bytes]] = []


class ImageBuildDetails:
    """One build of an environment.

    ``environment``: the environment, as it was registered. ``build_id`` names the build; its log
    and result stay in the cache until ``runyard env prune --older-than`` removes them.
    """

    def __init__(self, environment: Environment, folder: str, process: subprocess.Popen[bytes]):
        self.environment = environment
        self.build_id = os.path.basename(folder)
        self._folder = folder
        self._process = process

    @property
    def status(self) -> str:
        """'Running', 'Succeeded' or 'Failed'."""
        if self._process.poll() is None:
            return RUNNING
        return SUCCEEDED if self._result().get("ok") else FAILED

    def get_log(self) -> str:
        """What the build has said so far."""
        with open(_log(self._folder), encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait_for_completion(self, show_output: bool = True) -> ImageBuildDetails:
        """Wait for the end of the build; returns this object.

        ``show_output``: print the log as it grows. Raises ActivityFailedException with the reason
        when the build fails; Ctrl-C ends the waiting, not the build.
        """
        with open(_log(self._folder), encoding="utf-8", errors="replace") as log:
            while True:
                # Asked before reading: what was said before the end is read after it.
                running = self._process.poll() is None
                text = log.read()
                if show_output and text:
                    sys.stdout.write(text)
                    sys.stdout.flush()
                if not running:
                    break
                time.sleep(_PAUSE_S)
        error = self._result().get("error")
        if error is not None:
            hint = f". {error['hint']}" if error.get("hint") else ""
            name = self.environment.name
            text = f"environment {name!r} was not built: {error['message']}{hint}"
            raise ActivityFailedException(error, message=text)
        return self

    def _result(self) -> dict[str, Any]:
        found = cache.read_json(_result(self._folder))
        if found is not None:
            return found
        code = self._process.returncode
        message = f"the builder ended with code {code} and left no result; see get_log()"
        return {"ok": False, "error": {"type": "killed", "message": message, "hint": ""}}

    def __repr__(self) -> str:
        return (
            f"ImageBuildDetails(environment={self.environment.name!r}, "
            f"build_id={self.build_id!r}, status={self.status!r})"
        )


def start(
    environment: Environment, spec: EnvironmentSpec, variables: Mapping[str, str]
) -> ImageBuildDetails:
    """Start building; ``variables`` reach the builder in memory, secrets among them."""
    moment = time.strftime("%Y%m%d-%H%M%S")
    folder = os.path.join(builds(), f"{moment}-{secrets.token_hex(4)}")
    os.makedirs(folder, mode=0o700)
    spec_path = os.path.join(folder, "spec.json")
    with open(spec_path, "wb") as file:
        file.write(json.dumps(msgspec.to_builtins(spec)).encode())
    with open(_log(folder), "wb") as log:
        builder = [_lending.client_python(), "-m", "runyard.environments", "build"]
        process = subprocess.Popen(
            [*builder, spec_path, _result(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **variables},
            # Ctrl-C is for whoever waits.
            start_new_session=True,
        )
    _STARTED[:] = [process, *(other for other in _STARTED if other.poll() is None)]
    return ImageBuildDetails(environment, folder, process)


def builds() -> str:
    """The folder with logs and results of all builds that were started this way."""
    return os.path.join(cache.cache_dir(), _BUILDS)


def _log(folder: str) -> str:
    return os.path.join(folder, "log.txt")


def _result(folder: str) -> str:
    return os.path.join(folder, "result.json")
