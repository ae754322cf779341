"""Whether the program that reads a script is there: known beforehand only on this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING

from runyard.environments.names import package_name
from runyard.errors import ExperimentExecutionException

if TYPE_CHECKING:
    from runyard.environments.spec import EnvironmentSpec

_INSTALLED_BY = {
    "Rscript": "on Debian and Ubuntu: apt install r-base-core; or let the environment bring it "
    "with conda_packages=['r-base'], or use an image that has it"
}


def check(
    script: str,
    interpreter: tuple[str, ...],
    environment: EnvironmentSpec,
    variables: Mapping[str, str],
) -> None:
    """Raise ExperimentExecutionException when the program of a script is not on this machine.

    ``interpreter``: as in EntrySpec. ``variables``: of the run. What is in an image, and what
    conda packages bring, is not known before the run.
    """
    program = _named(interpreter)
    if not program or environment.image is not None or _may_bring(environment, program):
        return
    own = os.path.dirname(environment.interpreter) if environment.kind == "user_managed" else ""
    path = variables.get("PATH", os.environ.get("PATH", os.defpath))
    if shutil.which(program, path=os.pathsep.join(filter(None, (own, path)))) is None:
        advice = _INSTALLED_BY.get(
            program, f"install {program}, or use an environment or an image that has it"
        )
        raise ExperimentExecutionException(
            f"script={script!r} is run by {program}, which is not on this machine; {advice}"
        )


def _named(interpreter: tuple[str, ...]) -> str:
    """The program itself; of ``/usr/bin/env NAME`` the name, '' where that cannot be told."""
    if not interpreter or os.path.basename(interpreter[0]) != "env":
        return interpreter[0] if interpreter else ""
    words = " ".join(interpreter[1:]).split()
    while words and (words[0] in ("-S", "-i", "-") or "=" in words[0]):
        words.pop(0)
    return words[0] if words and not words[0].startswith("-") else ""


def _may_bring(environment: EnvironmentSpec, program: str) -> bool:
    """Whether the packages of the environment may have the program."""
    if environment.kind == "conda" and program == "Rscript":
        names = [package_name(line) for line in environment.conda_packages]
        return any(name == "r" or name.startswith("r-") for name in names)
    return environment.kind == "conda" or bool(environment.requirements and program != "Rscript")
