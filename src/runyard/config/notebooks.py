"""Notebooks as entry scripts: what is checked of them, and what their environment needs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.environments.names import package_name
from runyard.errors import ExperimentExecutionException, UserErrorException
from runyard.job import notebook_parameters

if TYPE_CHECKING:
    from runyard.environments.environment import Environment
    from runyard.environments.spec import EnvironmentSpec

NEEDED = ("papermill", "ipykernel")
_PROBE = "import importlib.util as u; print(*[n for n in {!r} if u.find_spec(n) is None])"


def check(script: str, path: Path) -> None:
    """Raise ExperimentExecutionException for a file that is no notebook, or none of Python."""
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ExperimentExecutionException(
            f"script={script!r} is no notebook: it is not JSON ({error}); open it in Jupyter and "
            "save it again",
            error,
        ) from error
    if not isinstance(content, dict) or not ("cells" in content or "worksheets" in content):
        raise ExperimentExecutionException(
            f"script={script!r} is no notebook: it has no cells; open it in Jupyter and save it "
            "again"
        )
    language = _language(content.get("metadata"))
    if not _is_python(language):
        raise ExperimentExecutionException(
            f"script={script!r} is a notebook of {language}; only those of Python can be run. Make "
            f"a script of it: jupyter nbconvert --to script {script}"
        )


def is_of_another_language(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a notebook that names another language than Python."""
    try:
        content = json.loads(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and not _is_python(_language(content.get("metadata")))


def _is_python(language: str) -> bool:
    return language.lower() in ("", "python", "python3", "ipython")


def _language(metadata: Any) -> str:
    if not isinstance(metadata, dict):
        return ""
    for section, key in (("kernelspec", "language"), ("language_info", "name")):
        part = metadata.get(section)
        if isinstance(part, dict) and isinstance(part.get(key), str):
            return str(part[key])
    return ""


def check_arguments(script: str, arguments: Sequence[str]) -> None:
    """Raise UserErrorException for arguments that are no parameters (spec 2.6)."""
    try:
        notebook_parameters.parsed(arguments)
    except ValueError as error:
        raise UserErrorException(f"arguments of the notebook {script!r}: {error}", error) from error


def check_processes(script: str, launcher: str) -> None:
    """Refuse ranks of MPI: a kernel is a child of its rank, and MPI would lose track of it.

    Raises ExperimentExecutionException.
    """
    if launcher == "mpi":
        raise ExperimentExecutionException(
            f"script={script!r} is a notebook, whose cells cannot be ranks of MPI: they run in a "
            "process below that which mpiexec starts. Make it a script (jupyter nbconvert --to "
            "script), or use PyTorchConfiguration('gloo')"
        )


def with_papermill(environment: Environment) -> tuple[Environment, tuple[str, ...]]:
    """The environment with what executes notebooks, and a notice of what was added.

    Packages that the user names stay as they are. An interpreter that is used as it is gets
    nothing. The environment given is not changed.
    """
    if environment.python.user_managed_dependencies:
        return environment, ()
    dependencies = environment.python.conda_dependencies
    named = {package_name(line) for line in dependencies.pip_lines if not line.startswith("-")}
    named |= {package_name(line) for line in dependencies.conda_packages}
    missing = [name for name in NEEDED if name not in named]
    if not missing:
        return environment, ()
    changed = environment.clone(environment.name)
    changed.python.conda_dependencies.set_pip_requirements([*dependencies.pip_lines, *missing])
    verb = "are" if len(missing) > 1 else "is"
    return changed, (f"{' and '.join(missing)} {verb} installed too: a notebook runs through them",)


def check_environment(
    script: str, environment: EnvironmentSpec, variables: Mapping[str, str], source: Path
) -> None:
    """Refuse an environment that papermill cannot be in, or is known not to be in.

    Raises UserErrorException, or ExperimentExecutionException for an interpreter that lacks it.
    Of an image nothing is known before a container of it starts.
    """
    unhashed = [line for line in environment.requirements if line in NEEDED]
    if unhashed and any("--hash=" in line for line in environment.requirements):
        raise UserErrorException(
            f"the requirements have hashes, so {' and '.join(unhashed)}, which a notebook needs, "
            "cannot be added to them; add both there, with their hashes"
        )
    if environment.kind != "user_managed" or environment.image is not None:
        return
    missing = _missing_for(environment.interpreter, variables, source)
    if missing:
        raise ExperimentExecutionException(
            f"script={script!r} is a notebook, and the Python {environment.interpreter} has no "
            f"{' and no '.join(missing)}; install what is missing: {environment.interpreter} -m "
            f"pip install {' '.join(missing)}"
        )


def _missing_for(interpreter: str, variables: Mapping[str, str], source: Path) -> list[str]:
    """Which of the packages an interpreter does not find; [] where it does not say."""
    import subprocess

    try:
        done = subprocess.run(
            [interpreter, "-c", _PROBE.format(NEEDED)],
            capture_output=True,
            cwd=source,
            env={**os.environ, **variables},
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []  # the run will say what is wrong with it
    return done.stdout.decode().split()
