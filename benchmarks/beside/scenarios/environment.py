"""A script whose packages are not installed yet, from the command to its first line."""

from __future__ import annotations

import ensurepip
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks.beside.contender import Contender, Place, Ready, Sample, tool
from benchmarks.beside.driver import variables
from benchmarks.beside.missing import NotMeasured
from benchmarks.beside.scenario import Quantity, Scenario
from runyard.environments import uv_program

_PACKAGE, _QUICK_PACKAGE = ("scikit-learn", "sklearn"), ("packaging", "packaging")
"""As it is installed, and as it is imported."""
_AT_ONCE, _QUICK_AT_ONCE = 10, 3
_SCRIPT = "import {module}, time; print('first line at', time.monotonic(), flush=True)\n"
_MLPROJECT = """\
name: bench
python_env: python_env.yaml
entry_points:
  main:
    command: "python train.py"
"""
_LINE = re.compile(r"first line at ([0-9.]+)")

Commands = Callable[[Place, Path], Sequence[Sequence[str]]]
"""What is typed, with this folder for environments: it is not there when they are to be built."""
Variables = Callable[[Place, Path], Mapping[str, str]]


def _none(place: Place, built: Path) -> Mapping[str, str]:
    return {}


def _environments(commands: Commands, more: Variables = _none, shares: bool | None = None) -> Ready:
    """The first environment of all, which fills the caches of downloads, does not count.

    ``shares``: whether requests at once have one place, or each its own; None: not measured.
    """

    @contextmanager
    def ready(place: Place) -> Iterator[Callable[[], Sample]]:
        _write_project(place)

        def first_line_s(built: Path) -> float:
            caches = {
                "UV_CACHE_DIR": str(place.folder / "uv-cache"),
                "PIP_CACHE_DIR": str(place.folder / "pip-cache"),
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            }
            found = variables(**caches, **more(place, built))
            return _last_first_line_s(commands(place, built), place.folder, found)

        def sample() -> Sample:
            with _new_folder(place.folder / "built") as built:
                found = {"built": first_line_s(built) * 1e3, "reused": first_line_s(built) * 1e3}
            if shares is not None:
                with _new_folder(place.folder / "many") as many:
                    numbers = range(_QUICK_AT_ONCE if place.quick else _AT_ONCE)
                    places = [many if shares else many / str(number) for number in numbers]
                    with ThreadPoolExecutor(len(places)) as threads:
                        found["at_once"] = max(threads.map(first_line_s, places)) * 1e3
            return found

        with _new_folder(place.folder / "first") as first:
            first_line_s(first)
        yield sample

    return ready


def _write_project(place: Place) -> None:
    """The script and its requirements, as every contender wants them."""
    package, module = _QUICK_PACKAGE if place.quick else _PACKAGE
    place.folder.joinpath("requirements.txt").write_text(f"{package}\n")
    project = place.folder / "project"
    project.mkdir()
    project.joinpath("MLproject").write_text(_MLPROJECT)
    lines = [f'python: "{platform.python_version()}"', "dependencies:", f"  - {package}"]
    project.joinpath("python_env.yaml").write_text("\n".join(lines) + "\n")
    for folder in (place.folder, project):
        folder.joinpath("train.py").write_text(_SCRIPT.format(module=module))


@contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    """A path where nothing is, before the block and after it."""
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _last_first_line_s(
    commands: Sequence[Sequence[str]], folder: Path, environment: Mapping[str, str]
) -> float:
    """Seconds from the start of the first command to the first line of the script."""
    begun = time.monotonic()
    for command in commands:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command} ended with code {done.returncode}:\n{done.stdout}")
    line = _LINE.search(done.stdout)
    if not line:
        raise RuntimeError(f"{commands} printed no first line:\n{done.stdout}")
    return float(line[1]) - begun


def _uv_version() -> str:
    return tool(uv_program.find_uv(), "--version")()


def _runyard(place: Place, built: Path) -> list[list[str]]:
    return [[place.program("runyard"), "submit", "-f", "-r", "requirements.txt", "train.py"]]


def _own_cache(place: Place, built: Path) -> Mapping[str, str]:
    return {"RUNYARD_CACHE_DIR": str(built)}


def _uv(place: Place, built: Path) -> list[list[str]]:
    uv, python = uv_program.find_uv(), str(built / "bin" / "python")
    make = [uv, "venv", "--python", sys.executable, str(built)]
    install = [uv, "pip", "install", "--python", python, "-r", "requirements.txt"]
    return [*([] if built.exists() else [make, install]), [python, "train.py"]]


def _pip(place: Place, built: Path) -> list[list[str]]:
    python = str(built / "bin" / "python")
    make = [sys.executable, "-m", "venv", str(built)]
    install = [python, "-m", "pip", "install", "-r", "requirements.txt"]
    return [*([] if built.exists() else [make, install]), [python, "train.py"]]


def _mlflow(place: Place, built: Path) -> list[list[str]]:
    return [[place.program("mlflow"), "run", "--env-manager", "virtualenv", "project"]]


def _of_mlflow(place: Place, built: Path) -> Mapping[str, str]:
    return {
        "MLFLOW_ENV_ROOT": str(built),
        "MLFLOW_TRACKING_URI": f"sqlite:///{place.folder}/mlflow.db",
        "PATH": f"{place.python.parent}:{variables()['PATH']}",
    }


def check_pyenv() -> None:
    """Raises NotMeasured where MLflow's virtualenv would have to compile a Python first."""
    pyenv, version = shutil.which("pyenv"), platform.python_version()
    if pyenv is None:
        raise NotMeasured("its virtualenv needs pyenv, which is not on PATH", "pyenv")
    listed = subprocess.run([pyenv, "versions", "--bare"], stdout=subprocess.PIPE, text=True)
    if version not in listed.stdout.split():
        raise NotMeasured(f"pyenv would have to compile Python {version}", "pyenv")


@contextmanager
def _mlflow_ready(place: Place) -> Iterator[Callable[[], Sample]]:
    check_pyenv()
    with _environments(_mlflow, _of_mlflow)(place) as sample:
        yield sample


def _metaflow(place: Place) -> AbstractContextManager[Callable[[], Sample]]:
    raise NotMeasured(
        "@pypi makes environments with micromamba, which it downloads from a server of its own "
        "that is no package index",
        "micromamba",
    )


_RUNYARD = (
    "`runyard submit -f -r requirements.txt`: also records the run, its source and its log, and "
    "supervises it. With pip, setuptools and wheel in the environment. Of requests at once one "
    "builds, the others wait for it."
)
_UV = (
    "`uv venv`, `uv pip install`, the script; nobody records or supervises it. Requests at once: "
    "each makes an environment of its own."
)
_PIP = (
    "`python -m venv`, `pip install`, the script. pip compiles all byte code when it installs, "
    "with the others what is imported is compiled then. Requests at once are not measured: they "
    "would take minutes."
)
_MLFLOW = (
    "`mlflow run --env-manager virtualenv`, its tracking in SQLite; pyenv has the Python already. "
    "Requests at once are not measured: it does not say that they may be."
)

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="environment",
        title="A script with packages of its own",
        what=(
            f"A script that imports {_PACKAGE[0]} and prints. From the start of the command to its "
            "first line: with the environment to be built, with the environment built before, and "
            f"{_AT_ONCE} such commands at once, to the last of their first lines, with the "
            "environment to be built. All downloads are in a cache; the same packages from the "
            "same index, everything on one file system."
        ),
        quantities=(
            Quantity("built", "environment to be built", "ms"),
            Quantity("reused", "built before", "ms"),
            Quantity("at_once", f"{_AT_ONCE} at once, to be built", "ms"),
        ),
        contenders=(
            Contender("runyard", _RUNYARD, _environments(_runyard, _own_cache, shares=True)),
            Contender("uv", _UV, _environments(_uv, shares=False), version=_uv_version),
            Contender(
                "pip",
                _PIP,
                _environments(_pip),
                version=lambda: f"pip {ensurepip.version()}",
                quick=False,
                rounds=1,
            ),
            Contender("MLflow Projects", _MLFLOW, _mlflow_ready, "mlflow", quick=False, rounds=1),
            Contender("Metaflow @pypi", "A flow of two steps.", _metaflow, "metaflow", quick=False),
        ),
        rounds=3,
        warm_up=0,
    ),
)
