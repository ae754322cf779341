"""A script whose environment is not built yet: runyard beside mlflow, pip and plain uv.

What each number includes, in seconds: from the start of the command to the first line of a script
that imports scikit-learn and then prints.

* runyard: ``runyard submit -f -r requirements.txt``, with a cache without environments.
* mlflow: ``mlflow run --env-manager virtualenv``, its tracking in SQLite as it is by default, with
  an empty MLFLOW_ENV_ROOT; pyenv has the Python already.
* pip: ``python -m venv``, then the pip it brings installs, then the script.
* uv: ``uv venv``, ``uv pip install``, then the script; nobody records or supervises it.

The same packages from the same index, caches of downloads filled by a first round that does not
count, everything on one file system, in turns. runyard adds pip, setuptools and wheel, a venv and
a virtualenv have pip. pip compiles all byte code at the installation, with uv it is compiled when
it is imported first: that is why the script imports something. Then the same again with the
environment built. mlflow is installed into a folder of its own; where it or pyenv is not to be
had, that is said, and the others are measured. Needs a package index.
"""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import Measure, report
from runyard.environments import uv_program

ROUNDS = 3
REQUIREMENTS = ["scikit-learn"]
SCRIPT = "import sklearn, time; print('first line at', time.time(), flush=True)\n"
MLFLOW = ["mlflow==3.17.2", "virtualenv==20.34.0"]
MLPROJECT = """\
name: bench
python_env: python_env.yaml
entry_points:
  main:
    command: "python train.py"
"""
BUDGET = 1.0
"""runyard may not be slower than those who do less."""


def main() -> dict[str, object]:
    """Medians of 3 rounds."""
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as name, _variables(Path(name)):
        folder = Path(name)
        (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in REQUIREMENTS))
        (folder / "train.py").write_text(SCRIPT)
        peers: dict[str, Peer] = {"runyard": Runyard(folder), "uv": Uv(folder), "pip": Pip(folder)}
        why_not = ""
        try:
            peers["mlflow"] = Mlflow(folder)
        except Missing as error:
            why_not = str(error)
        return _report(_measure(peers), why_not)


def _measure(peers: dict[str, Peer]) -> dict[str, tuple[float, float]]:
    """Seconds of every peer: with the environment to be built, and with it built."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in peers}
    for number in range(ROUNDS + 1):
        for name, peer in peers.items():
            peer.forget(number)
            times[name].append((_first_line_s(peer), _first_line_s(peer)))
    medians = {}
    for name, pairs in times.items():
        built, reused = map(statistics.median, zip(*pairs[1:], strict=True))
        medians[name] = (round(built, 2), round(reused, 2))
    return medians


def _report(seconds: dict[str, tuple[float, float]], why_not: str) -> dict[str, object]:
    ours = seconds["runyard"]
    measures = [
        Measure(f"environment built, runyard / {name}", round(ours[0] / theirs[0], 2), BUDGET)
        for name, theirs in seconds.items()
        if name in ("mlflow", "pip")
    ]
    if "mlflow" in seconds:
        ratio = round(ours[1] / seconds["mlflow"][1], 2)
        measures.append(Measure("environment reused, runyard / mlflow", ratio, BUDGET))
    return report(
        measures,
        requirements=REQUIREMENTS,
        built_s={name: pair[0] for name, pair in seconds.items()},
        reused_s={name: pair[1] for name, pair in seconds.items()},
        mlflow=why_not or ", ".join(MLFLOW),
    )


def _first_line_s(peer: Peer) -> float:
    """Seconds from the start of the commands to the first line of the script."""
    begun = time.time()
    for command in peer.commands():
        done = subprocess.run(
            command, cwd=peer.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command} ended with code {done.returncode}:\n{done.stdout}")
    _, _, at = done.stdout.partition("first line at ")
    return float(at.split()[0]) - begun


class Missing(Exception):
    """A peer cannot be measured here."""


class Peer:
    """A way to run the script; ``forget`` leads it to a place without environments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = ""

    def forget(self, number: int) -> None:
        """Use a new, empty place from now on."""
        self.place = str(self.folder / f"{type(self).__name__}-{number}")

    def commands(self) -> Iterator[list[str]]:
        """What is typed, one after the other."""
        raise NotImplementedError


class Runyard(Peer):
    """Also records the run, its source and its log, and supervises it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "runyard")
        self.folder.mkdir()
        for name in ("requirements.txt", "train.py"):
            shutil.copy(folder / name, self.folder)

    def forget(self, number: int) -> None:
        super().forget(number)
        os.environ["RUNYARD_CACHE_DIR"] = self.place

    def commands(self) -> Iterator[list[str]]:
        program = os.path.join(os.path.dirname(sys.executable), "runyard")
        yield [program, "submit", "-f", "-r", "requirements.txt", "train.py"]


class Uv(Peer):
    """uv without anything of ours."""

    def commands(self) -> Iterator[list[str]]:
        uv, python = uv_program.find_uv(), f"{self.place}/bin/python"
        if not os.path.exists(self.place):
            yield [uv, "venv", "--python", sys.executable, self.place]
            yield [uv, "pip", "install", "--python", python, "-r", "requirements.txt"]
        yield [python, "train.py"]


class Pip(Peer):
    """What the documentation of Python tells to type."""

    def commands(self) -> Iterator[list[str]]:
        python = f"{self.place}/bin/python"
        if not os.path.exists(self.place):
            yield [sys.executable, "-m", "venv", self.place]
            yield [python, "-m", "pip", "install", "-r", "requirements.txt"]
        yield [python, "train.py"]


class Mlflow(Peer):
    """mlflow with the virtualenv it is documented with. Raises Missing where it cannot be had."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "mlflow")
        version = platform.python_version()
        _check_pyenv(version)
        self.folder.mkdir()
        self._programs = _install_mlflow(str(self.folder / "tool"))
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{self.folder}/mlflow.db"
        project = self.folder / "project"
        project.mkdir()
        (project / "MLproject").write_text(MLPROJECT)
        lines = [f'python: "{version}"', "dependencies:", *(f"  - {line}" for line in REQUIREMENTS)]
        (project / "python_env.yaml").write_text("\n".join(lines) + "\n")
        (project / "train.py").write_text(SCRIPT)

    def forget(self, number: int) -> None:
        super().forget(number)
        os.environ["MLFLOW_ENV_ROOT"] = self.place

    def commands(self) -> Iterator[list[str]]:
        path = self._programs + os.pathsep + os.environ["PATH"]
        mlflow = f"{self._programs}/mlflow"
        yield ["env", f"PATH={path}", mlflow, "run", "--env-manager", "virtualenv", "project"]


def _check_pyenv(version: str) -> None:
    pyenv = shutil.which("pyenv")
    if pyenv is None:
        raise Missing("mlflow is not measured: its virtualenv needs pyenv, which is not on PATH")
    listed = subprocess.run([pyenv, "versions", "--bare"], stdout=subprocess.PIPE, text=True)
    if version not in listed.stdout.split():
        raise Missing(f"mlflow is not measured: pyenv would have to compile Python {version}")


def _install_mlflow(place: str) -> str:
    """Install it with its dependencies, compiled; returns the folder of its programs."""
    uv, python = uv_program.find_uv(), f"{place}/bin/python"
    install = ["pip", "install", "--quiet", "--compile-bytecode", "--python", python, *MLFLOW]
    for arguments in (["venv", "--quiet", "--python", sys.executable, place], install):
        done = subprocess.run(
            [uv, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode != 0:
            raise Missing(f"mlflow is not measured: it cannot be installed: {done.stdout.strip()}")
    return f"{place}/bin"


@contextmanager
def _variables(folder: Path) -> Iterator[None]:
    """Caches of downloads of our own; no variables of an environment that happens to be active."""
    before = dict(os.environ)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.pop("VIRTUAL_ENV", None)
    os.environ["UV_CACHE_DIR"] = str(folder / "uv-cache")
    os.environ["PIP_CACHE_DIR"] = str(folder / "pip-cache")
    os.environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
