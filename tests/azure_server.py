"""An Azure Blob server on this machine: Azurite (npm), where it is on PATH. Fixture ``azure``."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.requirements import missing

ACCOUNT = "testaccount"
ACCOUNT_KEY = base64.b64encode(b"an account key that must not be seen").decode()


class Azure:
    """One server. ``address``: of the account, as an endpoint."""

    def __init__(self, address: str) -> None:
        self.address = f"{address}/{ACCOUNT}"

    @property
    def plain(self) -> dict[str, Any]:
        """Options that are no secrets."""
        return {"endpoint": self.address, "account_name": ACCOUNT}

    @property
    def secrets(self) -> dict[str, Any]:
        """The credentials."""
        return {"account_key": ACCOUNT_KEY}

    def new_name(self) -> str:
        """A name that no container has yet."""
        return f"container-{uuid.uuid4().hex[:12]}"

    def container(self) -> str:
        """The URL of a new container."""
        from runyard.data.stores import azure_container

        url = f"az://{self.new_name()}"
        azure_container.make(url, {**self.plain, **self.secrets})
        return url


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = shutil.which("azurite-blob")
    if program is None:
        missing("azurite", "azurite-blob is not here (npm install azurite)")
    log = Path(tmp_path_factory.mktemp("azurite"), "log.txt")
    # It ends with this worker, also with one that is killed.
    command = ["setpriv", "--pdeathsig", "TERM", program, "--blobHost", "127.0.0.1"]
    command += ["--blobPort", "0", "--inMemoryPersistence"]
    command += ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    environment = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{ACCOUNT_KEY}"}
    with (
        log.open("wb") as stream,
        subprocess.Popen(command, stdout=stream, stderr=stream, env=environment) as process,
    ):
        try:
            yield _address(log)
        finally:
            process.terminate()


def _address(log: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = re.search(r"listens on (http://\S+)", log.read_text())
        if found:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.fixture
def azure(azure_server: str) -> Azure:
    return Azure(azure_server)
