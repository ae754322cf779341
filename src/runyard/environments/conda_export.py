"""The packages of a conda environment of this machine, as an ``Environment`` (spec 6)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runyard.environments.environment import Environment

_OLDEST = (4, 4)
_TIMEOUT_S = 120


class _UnusableError(Exception):
    """Why there is nothing to return; the text is for the user."""


def environment(name: str, conda_environment_name: str) -> Environment | None:
    """What ``Environment.from_existing_conda_environment`` returns; prints why it is None."""
    try:
        exported = _export(conda_environment_name)
    except _UnusableError as reason:
        print(f"No environment was made of conda environment {conda_environment_name!r}: {reason}")
        return None
    return _read(name, exported)


def _export(conda_environment_name: str) -> str:
    conda = shutil.which("conda")
    if conda is None:
        raise _UnusableError(
            "there is no program 'conda' on PATH; activate conda in this shell, or name the "
            "packages with Environment.from_conda_specification"
        )
    said = _ask(conda, "--version")
    found = re.search(r"(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < _OLDEST:
        raise _UnusableError(f"conda 4.4 or later is needed, and {conda} says {said.strip()!r}")
    return _ask(conda, "env", "export", "--no-builds", "--name", conda_environment_name)


def _ask(conda: str, *arguments: str) -> str:
    try:
        done = subprocess.run(
            [conda, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _UnusableError(f"conda does not answer: {error}") from error
    if done.returncode != 0:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines()]
        why = " ".join(line for line in lines if line) or f"exit code {done.returncode}"
        raise _UnusableError(f"conda {' '.join(arguments)} failed: {why}")
    return done.stdout


def _read(name: str, exported: str) -> Environment:
    from runyard.environments.environment import Environment

    # The prefix is a place of this machine, and no part of the environment.
    lines = [line for line in exported.splitlines() if not line.startswith("prefix:")]
    with tempfile.TemporaryDirectory(prefix="runyard-") as folder:
        path = os.path.join(folder, "environment.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        return Environment.from_conda_specification(name, path)
