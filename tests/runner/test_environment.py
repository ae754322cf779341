"""Runs whose environment is built by their runner: shared, cancelled, killed, lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runyard.computes import processes
from runyard.computes.local import LocalTarget
from runyard.environments import cache
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.environment import Environment
from runyard.environments.planning import resolve
from runyard.record import events, jsonl, owner
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason, Status
from runyard.testing import runs
from tests.wheelhouse import GatedProject, Wheelhouse

pytestmark = pytest.mark.integration

Spec = Callable[..., dict[str, Any]]


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return runs.workspace(tmp_path)


@pytest.fixture
def wheelhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheelhouse:
    wheels = Wheelhouse(tmp_path / "wheels")
    wheels.folder.mkdir()
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    for name, value in wheels.environ(tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    return wheels


@pytest.fixture
def spec(tmp_path: Path, wheelhouse: Wheelhouse) -> Spec:
    """Return a function from pip lines to the ``environment`` of a run."""

    def make(*lines: str, python: str | None = None) -> dict[str, Any]:
        environment = Environment("demo")
        environment.python.conda_dependencies = CondaDependencies.create(
            pip_packages=lines, python_version=python
        )
        planned = resolve(environment, source_directory=tmp_path)
        built: dict[str, Any] = msgspec.to_builtins(planned)
        return built

    return make


@pytest.fixture
def gated(tmp_path: Path, wheelhouse: Wheelhouse) -> Iterator[GatedProject]:
    project = GatedProject.make(tmp_path / "gated")
    yield project
    project.open()


def start(run: RunDirectory) -> dict[str, Any]:
    return runs.start(LocalTarget(), run)


def environment_log(run: RunDirectory) -> str:
    return Path(run.environment_log).read_text() if os.path.exists(run.environment_log) else ""


def test_many_runs_share_one_build_and_each_keeps_the_list(
    workspace: WorkspaceDirectory, wheelhouse: Wheelhouse, spec: Spec
) -> None:
    wheelhouse.add("leaf", "2.0")
    wheelhouse.add("base", "1.0", ["leaf"])
    made = [
        runs.make_run(workspace, "import base, leaf", environment=spec("base")) for _ in range(8)
    ]
    for run in made:
        start(run)
    assert [runs.finish(run, 60).reason for run in made] == [Reason.COMPLETED] * 8
    built = sum("Building environment" in environment_log(run) for run in made)
    installed = sum("Built in" in environment_log(run) for run in made)
    assert (built >= 1, installed) == (True, 1)
    late = runs.make_run(workspace, "import base", environment=spec("base"))
    start(late)
    assert runs.finish(late).events[0]["status"] == "Running"
    for run in (*made, late):
        assert jsonl.read_json(run.environment_json)["lock"] == ["base==1.0", "leaf==2.0"]
        assert cache.prefix(spec("base")["key"]) in environment_log(run)


@pytest.mark.parametrize("how", ["cancel", "sigterm", "sigkill"])
def test_a_build_that_is_broken_off_leaves_the_next_one_free(
    workspace: WorkspaceDirectory, gated: GatedProject, spec: Spec, how: str
) -> None:
    environment = spec("./gated")
    run = runs.make_run(workspace, "print(1)", environment=environment)
    handle = start(run)
    gated.wait_until_building()
    assert events.read_state(run).status is Status.PREPARING
    if how == "cancel":
        events.request(run, "cancel")
        assert runs.finish(run).reason is Reason.CANCELLED
    elif how == "sigterm":
        os.kill(handle["pid"], signal.SIGTERM)
        assert runs.finish(run).reason is Reason.PREEMPTED
    else:
        os.kill(handle["pid"], signal.SIGKILL)
        runs.wait_for(lambda: not owner.is_held(run.lock))
        LocalTarget().reap(run)
    runs.wait_for(lambda: processes.of_run(run.path) == [])
    assert not os.path.exists(run.std_log)
    gated.open()
    second = runs.make_run(workspace, "import gated", environment=environment)
    start(second)
    assert runs.finish(second, 60).reason is Reason.COMPLETED
    assert "Waiting" not in environment_log(second)


def test_a_run_cancelled_just_after_its_submission_ends_soon(
    workspace: WorkspaceDirectory, gated: GatedProject, spec: Spec
) -> None:
    """The builder may not yet listen to signals then."""
    run = runs.make_run(workspace, "print(1)", environment=spec("./gated"), grace_period_s=60.0)
    events.request(run, "cancel")
    start(run)
    assert runs.finish(run, 40).reason is Reason.CANCELLED
    assert "killed_processes" not in events.read_state(run).detail


def test_a_failed_environment_says_what_and_what_to_do(
    workspace: WorkspaceDirectory, spec: Spec
) -> None:
    run = runs.make_run(workspace, "print(1)", environment=spec("no-such-package"))
    start(run)
    state = runs.finish(run)
    assert (state.status, state.reason) == (Status.FAILED, Reason.ENVIRONMENT_FAILED)
    error = state.detail["error"]
    assert (error["type"], error["package"]) == ("unresolvable", "no-such-package")
    assert "no-such-package was not found" in error["message"]
    assert state.detail["hint"] == error["hint"] != Reason.ENVIRONMENT_FAILED.hint
    assert "no-such-package" in environment_log(run)


def test_the_packages_of_an_interpreter_used_as_it_is_are_listed(
    workspace: WorkspaceDirectory, tmp_path: Path
) -> None:
    """After the script has started, which need not wait for it."""
    environment = Environment("mine")
    environment.python.user_managed_dependencies = True
    planned = msgspec.to_builtins(resolve(environment, source_directory=tmp_path))
    run = runs.make_run(workspace, "print(1)", environment=planned)
    start(run)
    assert runs.finish(run).reason is Reason.COMPLETED
    content = jsonl.read_json(run.environment_json)
    assert (content["kind"], content["reused"]) == ("user_managed", True)
    assert f"pytest=={pytest.__version__}" in content["lock"]
    again = Environment.from_run(run)
    assert again.python.user_managed_dependencies
    assert again.python.interpreter_path == content["python"]
    dependencies = again.python.conda_dependencies
    assert list(dependencies.pip_lines) == content["lock"]
    assert dependencies.get_python_version() == content["python_version"]
    spec = resolve(again, source_directory=tmp_path)
    assert (spec.kind, spec.interpreter) == ("user_managed", content["python"])


def test_a_builder_that_dies_is_named(
    workspace: WorkspaceDirectory, gated: GatedProject, spec: Spec
) -> None:
    run = runs.make_run(workspace, "print(1)", environment=spec("./gated"))
    handle = start(run)
    gated.wait_until_building()
    found = processes.of_run(run.path)
    builder = next(pid for pid in found if processes.parent_of(pid) == handle["pid"])
    os.kill(builder, signal.SIGKILL)
    state = runs.finish(run)
    assert state.reason is Reason.ENVIRONMENT_FAILED
    error = state.detail["error"]
    assert (error["type"], error["message"]) == (
        "killed",
        "the builder of the environment was killed by signal 9",
    )
    assert "environment.txt" in error["hint"]


def test_a_relative_cache_folder_is_the_submitters(
    workspace: WorkspaceDirectory,
    wheelhouse: Wheelhouse,
    spec: Spec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wheelhouse.add("base")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNYARD_CACHE_DIR", "near")
    monkeypatch.setenv("UV_CACHE_DIR", "near/uv")
    environment = spec("base")
    run = runs.make_run(workspace, "import base", environment=environment)
    start(run)
    assert runs.finish(run).reason is Reason.COMPLETED
    assert (tmp_path / "near" / "environments" / environment["key"]).is_dir()
    assert (tmp_path / "near" / "uv").is_dir()
    assert not os.path.exists(os.path.join(run.path, "near"))


def test_a_cache_folder_with_accents_and_a_bare_locale(
    workspace: WorkspaceDirectory,
    wheelhouse: Wheelhouse,
    spec: Spec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wheelhouse.add("base")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("RUNYARD_CACHE_DIR", str(tmp_path / "café"))
    for _ in range(2):  # built, and used again
        run = runs.make_run(workspace, "import base", environment=spec("base"))
        start(run)
        assert runs.finish(run).reason is Reason.COMPLETED, environment_log(run)


def test_a_cache_folder_that_uv_cannot_use_is_named(
    workspace: WorkspaceDirectory, spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_CACHE_DIR", os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    run = runs.make_run(workspace, "print(1)", environment=spec())
    start(run)
    state = runs.finish(run)
    assert state.reason is Reason.ENVIRONMENT_FAILED
    assert "is not valid UTF-8" in state.detail["error"]["message"]


def test_the_runner_stays_small_after_a_build(
    workspace: WorkspaceDirectory, wheelhouse: Wheelhouse, spec: Spec
) -> None:
    wheelhouse.add("base")
    script = "import time; print('ready', flush=True); time.sleep(600)"
    run = runs.make_run(workspace, script, environment=spec("base"), grace_period_s=0.1)
    handle = start(run)
    runs.wait_for(lambda: "ready" in runs.log_of(run))
    time.sleep(0.3)  # it looks once, and is as large as it will be
    status = Path(f"/proc/{handle['pid']}/status").read_text()
    events.request(run, "cancel")
    runs.finish(run)
    assert int(status.partition("VmRSS:")[2].split()[0]) < 20_000


def test_python_3_6_end_to_end(
    workspace: WorkspaceDirectory, wheelhouse: Wheelhouse, spec: Spec, tool: Callable[[str], str]
) -> None:
    tool("python3.6")
    wheelhouse.add("base")
    script = (
        "import sys, base\nfrom azureml.core import Run\n"
        "Run.get_context().log('x', 0.5)\nprint(sys.version_info[:2])"
    )
    run = runs.make_run(workspace, script, environment=spec("base", python="3.6"))
    start(run)
    assert runs.finish(run).reason is Reason.COMPLETED, runs.log_of(run)
    assert runs.log_of(run) == "(3, 6)\n"
