"""The variables that activating a conda environment would set.

Packages bring ``etc/conda/activate.d/*.sh`` and ``etc/conda/env_vars.d/*.json``. They are read
once, when the environment is built, and kept in its marker: sourcing them would cost every run the
start of a shell.
"""

from __future__ import annotations

import glob
import json
import os
import subprocess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_TIME_LIMIT_S = 60.0
_SCRIPT = 'for file do . "$file" 1>&2; done; env -0'
# The shell's own, and PATH: the environment's bin comes first in any case.
_NOT_KEPT = frozenset(("PATH", "PWD", "OLDPWD", "SHLVL", "_", "CONDA_PREFIX"))


def variables(prefix: str, say: Callable[[str], object]) -> dict[str, str]:
    """Return the variables that the scripts and files of the packages set.

    A script that fails is said and leaves the others alone.
    """
    found = {}
    for path in _files(prefix, "env_vars.d", "*.json"):
        found.update(_json(path, say))
    scripts = _files(prefix, "activate.d", "*.sh")
    return {**found, **_sourced(prefix, scripts, found, say)} if scripts else found


def _files(prefix: str, folder: str, pattern: str) -> list[str]:
    place = os.path.join(glob.escape(prefix), "etc", "conda", folder, pattern)
    return sorted(glob.glob(place))


def _json(path: str, say: Callable[[str], object]) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8") as file:
            return {str(name): str(value) for name, value in json.load(file).items()}
    except (OSError, ValueError, AttributeError) as error:
        say(f"  note: the variables in {path} cannot be read: {error}")
        return {}


def _sourced(
    prefix: str, scripts: list[str], given: dict[str, str], say: Callable[[str], object]
) -> dict[str, str]:
    """Source the scripts in a bare shell; what they changed is what it did not start with."""
    path = os.path.join(prefix, "bin") + os.pathsep + os.defpath
    before = {"PATH": path, "HOME": os.path.expanduser("~"), **given, "CONDA_PREFIX": prefix}
    shell = "/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh"
    try:
        done = subprocess.run(
            [shell, "-c", _SCRIPT, shell, *scripts],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=before,
            cwd="/",
            timeout=_TIME_LIMIT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        say(f"  note: the activation scripts of packages had no effect: {error}")
        return {}
    pairs = (item.partition("=") for item in os.fsdecode(done.stdout).split("\0") if item)
    return {
        name: value
        for name, _, value in pairs
        if before.get(name) != value and name not in _NOT_KEPT and not name.startswith("BASH_FUNC_")
    }
