from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from runyard.cli import doctor
from runyard.cli.doctor import tools
from runyard.cli.doctor.finding import Finding
from runyard.environments import interpreters
from tests.cli.fixtures import History, Invoke


@pytest.fixture(autouse=True)
def _one_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for all Pythons of a machine takes seconds."""
    running = [interpreters.running()]
    monkeypatch.setattr(interpreters, "found", lambda: running)


def _found(invoke: Invoke) -> dict[str, dict[str, Any]]:
    return {finding["name"]: finding for finding in invoke("doctor", "--json").json}


def test_doctor_looks_at_everything(history: History, invoke: Invoke) -> None:
    said = invoke("doctor")
    assert said.code == 0
    names = [line[9:].split("  ")[0] for line in said.out.splitlines() if line[:1].strip()]
    expected = ["runyard", "python", "uv", "cache", "workspace", "runs", "disk: cache"]
    assert [name for name in names if name in expected] == expected
    assert {"memory", "kernel", "git", "containers", "slurm"} <= set(names)
    found = _found(invoke)
    assert found["python"]["text"].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}.")
    assert found["runs"]["text"] == "3 runs, 0 of them not ended"
    assert "format 1" in found["workspace"]["text"]


def test_doctor_works_outside_a_workspace(project: Path, invoke: Invoke) -> None:
    assert _found(invoke)["workspace"]["text"].startswith("none here or above")
    assert os.listdir(project) == []


def test_a_missing_uv_is_an_error(
    project: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_UV", "/nowhere/uv")
    said = invoke("doctor")
    assert "error    uv" in said.out
    assert "→ pip install uv, or name it with RUNYARD_UV" in said.out
    assert said.code == 1


def test_a_cache_that_cannot_be_written_is_an_error(
    project: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "file").write_text("")
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(project / "file" / "cache"))
    said = invoke("doctor")
    assert "cannot be written" in said.out
    assert "name another folder with RUNYARD_CACHE_DIR" in said.out
    assert said.code == 1


def test_a_workspace_of_a_newer_format_is_an_error(history: History, invoke: Invoke) -> None:
    path = history.folder / ".runyard/workspace.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 7'))
    finding = _found(invoke)["workspace"]
    assert finding["level"] == "error"
    assert "newer runyard (format 7" in finding["text"]


def test_damaged_runs_are_named(history: History, invoke: Invoke) -> None:
    Path(history.exits.run_json).write_text("{")
    said = invoke("doctor")
    assert f"{history.exits.id} cannot be read" in said.out
    assert f"→ put its files back, or remove {history.exits.path}" in said.out
    assert said.code == 0


def test_whether_the_workspace_is_whole(
    history: History, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runyard.cli.doctor.workspace.LONGEST_S", 600.0)
    found = _found(invoke)["verify"]
    whole = "nothing is wrong; contents are read by: runyard verify --deep"
    assert (found["level"], found["text"]) == ("ok", whole)
    manifest = history.good.workspace.manifest("0" * 32)
    os.makedirs(os.path.dirname(manifest), exist_ok=True)
    Path(manifest).write_text("{}")
    found = _found(invoke)["verify"]
    assert found["level"] == "warning"
    assert found["text"] == f"1 thing wrong, such as: {manifest} is not what its name says"
    assert found["advice"] == "all of them, and what to do: runyard verify"
    monkeypatch.setattr("runyard.cli.doctor.workspace.LONGEST_S", -1.0)
    found = _found(invoke)["verify"]
    assert found["level"] == "ok"
    assert found["text"].startswith("not looked at to the end in ")


def test_a_full_disk(project: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage("/"))(10**12, 10**12, 5)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    said = invoke("doctor")
    assert "error    disk: cache" in said.out
    assert said.code == 1


def test_a_check_that_fails_is_a_finding(
    project: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def some_check() -> Iterable[Finding]:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(doctor, "CHECKS", (some_check,))
    said = invoke("doctor")
    assert "some check  could not be checked: ZeroDivisionError: oops" in said.out
    assert said.code == 1


def test_sizes_count_a_file_once(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a").write_bytes(b"x" * 1000)
    os.link(tmp_path / "sub/a", tmp_path / "b")
    assert tools.size_of(str(tmp_path)) == (1000, True)


def test_settings_are_shown_with_their_origin(
    project: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project / "config.toml"
    monkeypatch.setenv("RUNYARD_CONFIG", str(file))
    file.write_text("container_engine = 'podman'\n")
    monkeypatch.setenv("RUNYARD_CONDA_BACKEND", "pip")
    text = _found(invoke)["settings file"]["text"]
    assert text.startswith(f"{file}; cache_dir = ")
    assert "conda_backend = pip (the variable RUNYARD_CONDA_BACKEND)" in text
    assert "container_engine = podman (the file)" in text
    monkeypatch.delenv("RUNYARD_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(project))
    assert _found(invoke)["settings file"]["text"].startswith(
        f"no file {project}/runyard/config.toml"
    )


def test_a_settings_file_that_cannot_be_used_is_an_error(
    project: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project / "config.toml"
    monkeypatch.setenv("RUNYARD_CONFIG", str(file))
    monkeypatch.delenv("RUNYARD_CACHE_DIR")
    file.write_text("container = 'podman'\n")
    said = invoke("doctor", "--json")
    assert said.code == 1
    (wrong,) = [finding for finding in said.json if finding["level"] == "error"]
    assert wrong["name"] == "settings file"
    assert wrong["text"].startswith(f"{file}, line 1: unknown key 'container'; did you mean 'con")
