"""Finding the Pythons of the machine."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.environments import interpreters, probes
from runyard.errors import UserErrorException

Tool = Callable[[str], str]
REAL = os.path.realpath(sys.executable)


def _fake(path: Path, version: str, libc: str = "glibc 2.0") -> None:
    """A program that answers like a Python, and counts how often it is started."""
    path.parent.mkdir(parents=True, exist_ok=True)
    answer = f'["{version}", "CPython", "linux-x86_64", "{libc}", "{path.parent.parent}"]'
    path.write_text(f"#!/bin/sh\necho >> {path}.started\necho '{answer}'\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with made-up Pythons under pyenv, and nothing else but the real running one."""
    for version in ("3.6.15", "3.6.9", "3.8.18", "3.12.1", "2.7.18"):
        minor = ".".join(version.split(".")[:2])
        _fake(tmp_path / "pyenv" / "versions" / version / "bin" / f"python{minor}", version)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("PATH", str(tmp_path / "pyenv" / "shims"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    # The made-up ones are scripts, which are otherwise never taken for a Python.
    monkeypatch.setattr(probes, "is_program", lambda path: os.access(path, os.X_OK))
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "version"),
    [
        ("3.6", "3.6.15"),
        ("=3.6", "3.6.15"),
        ("==3.6.*", "3.6.15"),
        ("3.6.9", "3.6.9"),
        ("=3.6.9=h1_0", "3.6.9"),
        ("3.6.2", "3.6.15"),
        ("<3.7", "3.6.15"),
        (">=3.8,<3.9", "3.8.18"),
    ],
)
def test_versions(machine: Path, asked: str, version: str) -> None:
    assert interpreters.find(asked).version == version


def test_the_running_one_is_found_without_starting_anything(machine: Path) -> None:
    own = "{}.{}.{}".format(*sys.version_info[:3])
    assert interpreters.find(None).version == own
    assert interpreters.find("3").version == own
    assert interpreters.find(">=3.6").version == own
    assert not list(machine.rglob("*.started"))


def test_python_2_is_not_one_of_ours(machine: Path) -> None:
    assert "2.7.18" not in [item.version for item in interpreters.found()]


@pytest.mark.parametrize("asked", ["3.5", "==3.5.*", ">=3.99", "2.7"])
def test_a_missing_version_lists_those_found(machine: Path, asked: str) -> None:
    with pytest.raises(UserErrorException) as raised:
        interpreters.find(asked)
    message = str(raised.value)
    assert f"Python {asked} is not on this machine. Found were:" in message
    for version in ("3.6.15", "3.6.9", "3.8.18", "3.12.1"):
        path = machine / "pyenv" / "versions" / version / "bin"
        assert f"{version}  {path}" in message
    assert "uv python install" in message


@pytest.mark.parametrize("asked", ["abc", "3.x", "~3"])
def test_text_that_is_no_version(machine: Path, asked: str) -> None:
    with pytest.raises(UserErrorException, match="cannot be read; give a version such as"):
        interpreters.find(asked)


def test_each_is_started_once_until_it_changes(machine: Path) -> None:
    path = machine / "pyenv" / "versions" / "3.8.18" / "bin" / "python3.8"
    started = path.with_name("python3.8.started")
    for _ in range(3):
        interpreters.find("3.8")
    assert started.read_text() == "\n"
    _fake(path, "3.8.20")
    assert interpreters.find("3.8").version == "3.8.20"


def test_a_cache_that_cannot_be_written_is_no_error(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (machine / "file").touch()
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(machine / "file" / "cache"))
    assert interpreters.find("3.8").version == "3.8.18"


def test_one_that_does_not_start_is_passed_over(machine: Path) -> None:
    path = machine / "pyenv" / "versions" / "3.9.1" / "bin" / "python3.9"
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\nexit 3\n")
    path.chmod(0o755)
    assert all(item.version != "3.9.1" for item in interpreters.found())


def test_scripts_in_front_of_a_python_are_never_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake(tmp_path / "shims" / "python3.6", "3.6.0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'shims'}{os.pathsep}{os.environ['PATH']}")
    assert all("shims" not in item.path for item in interpreters.found())
    monkeypatch.setenv("PATH", str(tmp_path / "shims"))
    with pytest.raises(UserErrorException, match=r"is not on PATH \(scripts such as the shims"):
        interpreters.user_managed("python3.6", tmp_path)


@pytest.mark.parametrize("version", ["3.6", "3.8", "3.13"])
def test_real_ones(tool: Tool, version: str) -> None:
    tool(f"python{version}")
    found = interpreters.find(version)
    assert found.version.startswith(f"{version}.")
    assert found.implementation == "CPython"
    assert probes.start(found.path) == found


def test_user_managed_default_is_the_submitting_interpreter(tmp_path: Path) -> None:
    found = interpreters.user_managed("python", tmp_path)
    assert found.path == sys.executable
    assert found.prefix == sys.prefix


def test_user_managed_by_path(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to(sys.executable)
    assert interpreters.user_managed("./python", tmp_path).path == str(tmp_path / "python")
    assert interpreters.user_managed(REAL, tmp_path).path == REAL


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("./gone", "there is no '.*/gone'; give the path of an interpreter on this machine"),
        ("python9.9", "is not on PATH"),
        ("/bin/false", "does not start: it ended with exit code 1"),
        ("/bin/echo", "does not start: it does not answer like a Python"),
    ],
)
def test_user_managed_that_is_of_no_use(tmp_path: Path, path: str, message: str) -> None:
    with pytest.raises(UserErrorException, match=message) as raised:
        interpreters.user_managed(path, tmp_path)
    assert f"python.interpreter_path {path!r}" in str(raised.value)
