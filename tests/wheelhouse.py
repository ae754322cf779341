"""Tiny packages made in milliseconds, so that the real uv runs without any network."""

import io
import json
import os
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from runyard.environments.spec import EnvironmentSpec

_WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"

# A build backend in the project itself: it says that it began, then waits for the gate to open.
_GATED_BACKEND = """
import os, pathlib, time, zipfile
here = pathlib.Path({folder!r})
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    (here / 'began').write_text(str(os.getpid()))
    end = time.monotonic() + 60
    while not (here / 'gate').exists() and time.monotonic() < end:
        time.sleep(0.01)
    if (here / 'fault').exists():
        raise SystemExit((here / 'fault').read_text())
    name = '{name}-1.0-py3-none-any.whl'
    with zipfile.ZipFile(os.path.join(wheel_directory, name), 'w') as wheel:
        wheel.writestr('{name}.py', '')
        wheel.writestr('{name}-1.0.dist-info/METADATA',
            'Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n')
        wheel.writestr('{name}-1.0.dist-info/WHEEL', {wheel!r})
        wheel.writestr('{name}-1.0.dist-info/RECORD', '')
    return name
build_editable = build_wheel
"""
_SOURCE_BACKEND = """
import os, zipfile
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = '{name}-{version}-py3-none-any.whl'
    with zipfile.ZipFile(os.path.join(wheel_directory, name), 'w') as wheel:
        wheel.writestr('{name}.py', 'version = ' + repr({needs}))
        wheel.writestr('{name}-{version}.dist-info/METADATA',
            'Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n')
        wheel.writestr('{name}-{version}.dist-info/WHEEL', {wheel!r})
        wheel.writestr('{name}-{version}.dist-info/RECORD', '')
    return name
"""
_GATED_PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "{name}"
version = "1.0"
"""


@dataclass(frozen=True)
class Wheelhouse:
    """A folder of wheels."""

    folder: Path

    def add(
        self,
        name: str,
        version: str = "1.0",
        requires: Iterable[str] = (),
        content: bytes = b"",
        python: str = "",
        *,
        members: Mapping[str, str] = {},
    ) -> Path:
        """Write the wheel of a package with one module; ``content`` is a file beside it.

        ``python``: the versions it is for, such as '>=3.9'. ``members``: more files, by path.
        """
        module, info = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}.dist-info"
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        lines += [f"Requires-Python: {python}"] if python else []
        files = {
            f"{module}.py": f"version = {version!r}\n".encode(),
            f"{info}/METADATA": "\n".join([*lines, ""]).encode(),
            f"{info}/WHEEL": _WHEEL.encode(),
        }
        if content:
            files[f"{module}.bin"] = content
        files.update((member, text.encode()) for member, text in members.items())
        record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{module}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            for member, data in {**files, f"{info}/RECORD": record.encode()}.items():
                wheel.writestr(member, data)
        return path

    def add_source(self, name: str, version: str, needs: str) -> None:
        """Write a source package whose module says what ``needs``, an expression, was then."""
        backend = _SOURCE_BACKEND.format(name=name, version=version, needs=needs, wheel=_WHEEL)
        project = _GATED_PROJECT.format(name=name).replace('"1.0"', f'"{version}"')
        with tarfile.open(self.folder / f"{name}-{version}.tar.gz", "w:gz") as archive:
            for member, text in {
                "pyproject.toml": project,
                "backend.py": backend,
                "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            }.items():
                info = tarfile.TarInfo(f"{name}-{version}/{member}")
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text.encode()))

    def environ(self, cache: Path) -> dict[str, str]:
        """Return variables under which uv sees only this folder, through pip's settings."""
        return {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.folder),
            "RUNYARD_CACHE_DIR": str(cache / "runyard"),
            "UV_CACHE_DIR": str(cache / "uv"),
            "UV_NO_CONFIG": "1",
        }


@dataclass(frozen=True)
class GatedProject:
    """A source project whose build starts, and then waits until ``open`` is called."""

    folder: Path

    @staticmethod
    def make(folder: Path, name: str = "gated") -> "GatedProject":
        folder.mkdir(parents=True)
        (folder / "pyproject.toml").write_text(_GATED_PROJECT.format(name=name))
        backend = _GATED_BACKEND.format(folder=str(folder), wheel=_WHEEL, name=name)
        (folder / "backend.py").write_text(backend)
        return GatedProject(folder)

    def wait_until_building(self, seconds: float = 60) -> int:
        """Return the process id of the build, once it has begun."""
        began = self.folder / "began"
        end = time.monotonic() + seconds
        while not (began.exists() and began.read_text()):
            assert time.monotonic() < end, "the build did not begin"
            time.sleep(0.01)
        return int(began.read_text())

    def open(self) -> None:
        (self.folder / "gate").touch()

    def fail_with(self, message: str) -> None:
        (self.folder / "fault").write_text(message)
        self.open()


class Worker:
    """``python -m runyard.environments build`` in a process of its own."""

    def __init__(
        self, spec: EnvironmentSpec, folder: Path, environ: Mapping[str, str] = {}
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._spec, self._result = folder / "spec.json", folder / "result.json"
        self._log = folder / "environment.txt"
        self._spec.write_bytes(msgspec.json.encode(spec))
        self._result.unlink(missing_ok=True)
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "runyard.environments",
                    "build",
                    str(self._spec),
                    str(self._result),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environ},
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def has_result(self) -> bool:
        return self._result.exists()

    def wait_for_log(self, text: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while text not in self.log:
            assert time.monotonic() < end, self.log
            time.sleep(0.01)

    def result(self, exit_code: int = 0) -> dict[str, Any]:
        """Wait for the end and return RESULT.json."""
        assert self.process.wait(60) == exit_code, self.log
        content: dict[str, Any] = json.loads(self._result.read_text())
        return content
