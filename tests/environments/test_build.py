"""The build worker with the real uv, on wheels made here."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import uv

from runyard.environments import Environment, EnvironmentSpec, cache, resolve
from tests.environments.conftest import Plan
from tests.wheelhouse import GatedProject, Wheelhouse, Worker

pytestmark = pytest.mark.integration


def _import(python: str, module: str) -> str:
    code = f"import {module}; print({module}.version)"
    return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip()


def _leftovers() -> list[str]:
    folder = Path(cache.prefix("x")).parent
    return [name for name in os.listdir(folder) if not name.endswith(".lock")]


def _uv_after(tmp_path: Path, commands: str) -> str:
    """A program that runs shell commands, on standard error, and then the real uv."""
    path = tmp_path / "uv-after"
    path.write_text(f'#!/bin/sh\n{{ {commands}; }} >&2\nexec {uv.find_uv_bin()} "$@"\n')
    path.chmod(0o755)
    return str(path)


def test_a_cold_build(plan: Plan, wheelhouse: Wheelhouse, tmp_path: Path) -> None:
    wheelhouse.add("base", "1.0")
    wheelhouse.add("base", "2.0")
    wheelhouse.add("top", requires=["base<2"])
    spec = plan("top", "azureml-core")
    worker = Worker(spec, tmp_path / "run")
    result = worker.result()
    seconds = result.pop("seconds")
    assert 0 < seconds < 60
    assert result == {
        "ok": True,
        "kind": "venv",
        "key": spec.key,
        "prefix": cache.prefix(spec.key),
        "python": f"{cache.prefix(spec.key)}/bin/python",
        "python_version": spec.python_version,
        "lock": ["base==1.0", "top==1.0"],
        "reused": False,
    }
    assert _import(result["python"], "base") == "1.0"
    first, *rest = worker.log.splitlines()
    assert first == f"Building environment 'demo', key {spec.key}"
    assert rest[0] == f"  Python {spec.python_version} ({spec.interpreter})"
    assert rest[1] == "  packages: top"
    assert rest[2] == "  note: azureml-core is not installed: runyard provides azureml itself"
    assert " + base==1.0" in rest
    assert rest[-1].startswith("Built in ")
    assert rest[-1].endswith(f" s: 2 packages in {cache.prefix(spec.key)}")


def test_the_marker(plan: Plan, wheelhouse: Wheelhouse, tmp_path: Path) -> None:
    wheelhouse.add("base")
    spec = plan("base")
    Worker(spec, tmp_path / "run").result()
    marker = cache.built(spec.key)
    assert marker is not None
    assert set(marker) == {
        *("format", "key", "name", "python", "python_version"),
        *("requirements", "lock", "seconds", "built"),
    }
    assert marker["requirements"] == ["base"]
    assert marker["lock"] == ["base==1.0"]


def test_a_second_build_reuses_the_first(
    plan: Plan, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    wheelhouse.add("base")
    spec = plan("base")
    first = Worker(spec, tmp_path / "run").result()
    worker = Worker(spec, tmp_path / "run2", {"RUNYARD_UV": "/nowhere/uv"})
    second = worker.result()
    assert second["reused"]
    assert second["lock"] == first["lock"]
    assert worker.log == f"Environment 'demo' is ready: {cache.prefix(spec.key)}\n"


def test_an_environment_without_packages(plan: Plan, tmp_path: Path) -> None:
    result = Worker(plan(), tmp_path / "run").result()
    assert result["lock"] == []
    assert Path(result["python"]).exists()


def test_constraints_options_and_local_files(
    plan: Plan, wheelhouse: Wheelhouse, source: Path, tmp_path: Path
) -> None:
    for version in ("1.0", "2.0", "3.0a1"):
        wheelhouse.add("base", version)
    Wheelhouse(source / "more").add("extra")
    Wheelhouse(source).add("local", requires=["base"])
    (source / "limits.txt").write_text("base<2\n")
    lines = ("./local-1.0-py3-none-any.whl", "extra", "-f more", "-c limits.txt")
    result = Worker(plan(*lines), tmp_path / "run").result()
    # uv writes where a file came from, and its hash.
    assert [line.split(" @ ")[0] for line in result["lock"]] == [
        "base==1.0",
        "extra==1.0",
        "local",
    ]
    assert Worker(plan("base", "--pre"), tmp_path / "run2").result()["lock"] == ["base==3.0a1"]


def test_the_lock_is_what_uv_says(
    plan: Plan, wheelhouse: Wheelhouse, source: Path, tmp_path: Path
) -> None:
    wheelhouse.add("Base_Of.all", "1.0")
    Wheelhouse(source).add("local")
    GatedProject.make(source / "gated").open()
    editable = GatedProject.make(source / "editable", name="other")
    editable.open()
    spec = plan("base-of-all", "./local-1.0-py3-none-any.whl", "./gated", "-e ./editable")
    result = Worker(spec, tmp_path / "run").result()
    command = [uv.find_uv_bin(), "pip", "freeze", "--quiet", "--python", result["python"]]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert sorted(result["lock"]) == sorted(said.splitlines())
    assert len(result["lock"]) == 4


def test_a_real_python_3_6(
    plan: Plan, wheelhouse: Wheelhouse, tmp_path: Path, tool: object
) -> None:
    assert callable(tool)
    tool("python3.6")
    wheelhouse.add("base")
    result = Worker(plan("base", python="3.6"), tmp_path / "run").result()
    assert result["python_version"].startswith("3.6.")
    assert _import(result["python"], "base") == "1.0"


def test_a_user_managed_interpreter(source: Path, tmp_path: Path) -> None:
    environment = Environment("mine")
    environment.python.user_managed_dependencies = True
    spec = resolve(environment, source_directory=source)
    result = Worker(spec, tmp_path / "run").result()
    assert (result["kind"], result["key"], result["reused"]) == ("user_managed", "", True)
    assert (result["python"], result["prefix"]) == (sys.executable, sys.prefix)
    assert any(line.startswith("pytest==") for line in result["lock"])
    assert not Path(cache.prefix("x")).parent.exists()


def test_a_user_managed_interpreter_that_is_gone(source: Path, tmp_path: Path) -> None:
    spec = EnvironmentSpec(
        name="mine",
        kind="user_managed",
        python=None,
        interpreter="/nowhere/python",
        python_version="3.8.1",
    )
    error = Worker(spec, tmp_path / "run").result(1)["error"]
    assert error["type"] == "interpreter"
    assert error["message"] == (
        "The interpreter /nowhere/python does not start: No such file or directory"
    )


def test_an_interpreter_that_was_uninstalled_since(plan: Plan, tmp_path: Path) -> None:
    spec = msgspec.structs.replace(plan(), interpreter="/nowhere/python")
    error = Worker(spec, tmp_path / "run").result(1)["error"]
    assert error["type"] == "interpreter"
    assert "is no longer at /nowhere/python" in error["message"]
    assert _leftovers() == []


def test_an_unresolvable_requirement(plan: Plan, wheelhouse: Wheelhouse, tmp_path: Path) -> None:
    wheelhouse.add("base", "1.0")
    wheelhouse.add("top", requires=["base>=2"])
    worker = Worker(plan("top"), tmp_path / "run")
    error = worker.result(1)["error"]
    assert (error["type"], error["package"]) == ("unresolvable", "top")
    assert "base<" in error["message"] or "base>=2" in error["message"]
    assert "Because" in worker.log
    assert worker.log.splitlines()[-2].startswith("Environment 'demo' was not built: No set of")
    assert _leftovers() == []


def test_a_package_that_does_not_exist(plan: Plan, tmp_path: Path) -> None:
    error = Worker(plan("nosuch>=3"), tmp_path / "run").result(1)["error"]
    assert (error["type"], error["package"]) == ("unresolvable", "nosuch")
    assert "nosuch was not found" in error["message"]


_COMPILING_BACKEND = """
import subprocess
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    subprocess.run({command!r}, check=True)
"""


def _compiled(folder: Path, command: list[str]) -> None:
    """A project whose build is one command."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "native"\nversion = "1.0"\n'
    )
    (folder / "backend.py").write_text(_COMPILING_BACKEND.format(command=command))


def test_a_header_that_is_missing_is_named(
    plan: Plan, source: Path, tmp_path: Path, tool: Callable[[str], str]
) -> None:
    file = source / "native" / "native.c"
    _compiled(file.parent, [tool("cc"), "-c", str(file), "-o", "native.o"])
    file.write_text("#include <no-such-header.h>\n")
    worker = Worker(plan("./native"), tmp_path / "run")
    error = worker.result(1)["error"]
    assert (error["type"], error["package"]) == ("build_failed", "native")
    assert error["message"].startswith("native could not be built from source: ")
    assert "fatal error: no-such-header.h: No such file or directory" in error["message"]
    assert error["hint"].startswith("The header no-such-header.h is missing (on Debian: apt-file ")
    assert "native.c:1:10: " in worker.log


def test_a_compiler_that_is_missing_is_named(plan: Plan, source: Path, tmp_path: Path) -> None:
    _compiled(source / "native", ["no-such-gcc", "native.c"])
    error = Worker(plan("./native"), tmp_path / "run").result(1)["error"]
    assert error["message"] == (
        "native could not be built from source: FileNotFoundError: [Errno 2] No such file or "
        "directory: 'no-such-gcc'"
    )
    assert error["hint"].startswith(
        "The program no-such-gcc is missing (on Debian: apt install build-essential). "
    )


def test_an_unreachable_index(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_INDEX_URL", "http://me:secret-word@127.0.0.1:9/simple")
    worker = Worker(plan("base"), tmp_path / "run")
    error = worker.result(1)["error"]
    assert error["type"] == "network"
    # uv asks for all at once, and tells of the first that failed.
    assert error["package"] in {"base", "pip", "setuptools", "wheel"}
    assert error["message"].startswith("127.0.0.1:9 cannot be reached: ")
    assert "PIP_NO_INDEX=1" in error["hint"]
    assert "secret-word" not in worker.log + str(error)


def test_a_missing_uv_is_said(plan: Plan, tmp_path: Path) -> None:
    error = Worker(plan(), tmp_path / "run", {"RUNYARD_UV": "/nowhere/uv"}).result(1)["error"]
    assert "/nowhere/uv" in error["message"]


def test_a_wrong_call() -> None:
    command = [sys.executable, "-m", "runyard.environments", "biuld"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "usage: python -m runyard.environments build SPEC.json RESULT.json" in done.stderr


def test_no_password_is_written_anywhere(
    plan: Plan, wheelhouse: Wheelhouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spec, log, marker, lock, arguments, every file of the cache: for a build that worked."""
    wheelhouse.add("base")
    spy = _uv_after(
        tmp_path,
        f'echo "$@" >> {tmp_path}/arguments; env >> {tmp_path}/given; '
        'echo "saying https://me:secret-word@h/x and secret-word"',
    )
    monkeypatch.setenv("TOKEN_A", "other-secret")
    monkeypatch.setenv("PIP_INDEX_URL", "https://me:secret-word@127.0.0.1:9/simple")
    spec = plan("base", "--extra-index-url https://${TOKEN_A}@127.0.0.1:9/simple")
    worker = Worker(spec, tmp_path / "run", {"RUNYARD_UV": spy})
    result = worker.result()
    assert result["ok"]
    assert "saying https://***@h/x and ***" in worker.log
    given = (tmp_path / "given").read_text()
    assert "UV_DEFAULT_INDEX=https://me:secret-word@127.0.0.1:9/simple" in given
    assert "UV_EXTRA_INDEX_URL=https://other-secret@127.0.0.1:9/simple" in given
    written = [tmp_path / "arguments", *(tmp_path / "run").iterdir()]
    written += [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    for path in written:
        content = path.read_bytes()
        assert b"secret-word" not in content, path
        assert b"other-secret" not in content, path


def test_the_log_is_written_while_uv_works(
    plan: Plan, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    wheelhouse.add("base")
    slow = _uv_after(tmp_path, f"echo first; while [ ! -e {tmp_path}/go ]; do sleep 0.01; done")
    worker = Worker(plan("base"), tmp_path / "run", {"RUNYARD_UV": slow})
    worker.wait_for_log("first\n")
    assert worker.process.poll() is None
    (tmp_path / "go").touch()
    assert worker.result()["lock"] == ["base==1.0"]


def test_the_tools_of_the_plan_are_installed_with_the_packages(
    plan: Plan, wheelhouse: Wheelhouse, tmp_path: Path
) -> None:
    for name, version in (("base", "1.0"), ("setuptools", "81.0"), ("setuptools", "82.0")):
        wheelhouse.add(name, version)
    worker = Worker(plan("base"), tmp_path / "run")
    assert worker.result()["lock"] == ["base==1.0", "setuptools==81.0"]
    assert "  with: setuptools<82\n" in worker.log
