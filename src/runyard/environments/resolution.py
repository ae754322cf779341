"""Whether uv finds a set of packages for an environment that is not built yet."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile

from runyard.environments import failures, uv_program, version_lookup
from runyard.environments.build_failure import BuildFailure
from runyard.environments.build_settings import BuildSettings
from runyard.environments.redaction import redact
from runyard.environments.spec import EnvironmentSpec
from runyard.errors import UserErrorException

_TIME_LIMIT_S = 20.0
_NO_WHEELS = re.compile(r"no usable wheels")
"""What uv says of packages that it would have to build to know what they need: that runs code."""


def problem(spec: EnvironmentSpec) -> str | None:
    """Why the pip packages of a plan cannot be had together: a name or a version that the index
    does not have for that Python, or a conflict; None when they can, or when that is not known.

    Asks the package index, installs and builds nothing.
    """
    python = _python(spec)
    if spec.kind != "venv" or not spec.requirements or python is None:
        return None
    try:
        settings = BuildSettings(spec)
        output = _resolved(spec, python, settings)
    except (OSError, subprocess.TimeoutExpired, BuildFailure, UserErrorException):
        return None
    if output is None:
        return None
    failure = failures.of_output(output, 1, spec.requirements, "")
    if failure.type != "unresolvable":
        return None
    told = version_lookup.explained(
        failure, spec.requirements, spec.python_version, settings.arguments, settings.variables
    )
    message = told.message
    if _NO_WHEELS.search(output):
        # It may be built from source; but where other Pythons have wheels, this one is left out.
        _, _, message = message.partition(version_lookup.IN_SHORT)
        if version_lookup.IS_THERE not in message:
            return None
    return redact(message, settings.secrets)


def _python(spec: EnvironmentSpec) -> list[str] | None:
    """uv's options for the Python to resolve for; None where it is not known yet."""
    if os.access(spec.interpreter, os.X_OK):
        return ["--python", spec.interpreter]
    if spec.image is not None and spec.python_version:
        return ["--python", sys.executable, "--python-version", spec.python_version]
    return None


def _resolved(spec: EnvironmentSpec, python: list[str], settings: BuildSettings) -> str | None:
    """What uv says when there is no solution, else None."""
    with tempfile.TemporaryDirectory(prefix="runyard-plan-") as folder:
        files = {
            "requirements.txt": [*settings.nested, *spec.requirements, *spec.tools],
            "constraints.txt": spec.constraints,
            # uv takes the nearest one above as well, and anybody may leave one in /tmp.
            "uv.toml": [],
        }
        for name, lines in files.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
        done = subprocess.run(
            [
                *(uv_program.find_uv(), "pip", "compile", "requirements.txt"),
                *("-c", "constraints.txt", "--quiet", "--no-header", "--no-build", *python),
                *settings.arguments,
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=folder,
            env=settings.variables,
            check=False,
            errors="replace",
            text=True,
            timeout=_TIME_LIMIT_S,
        )
    return done.stderr if done.returncode != 0 else None
