"""``Environment.build``, ``build_local`` and ``get_image_details`` with real builds."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from runyard.containers.engine import Engine
from runyard.environments import Environment, cache
from runyard.environments.build_details import ImageBuildDetails
from runyard.errors import ActivityFailedException, UserErrorException
from runyard.history.workspace import Workspace
from tests.conda_channel import CondaChannel
from tests.container_engines import BASE, PYTHON, Registry
from tests.environments.image_worker import in_image
from tests.wheelhouse import GatedProject, Wheelhouse

pytestmark = pytest.mark.integration


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create("work", path=tmp_path / "ws", show_output=False)


def _with(*packages: str) -> Environment:
    environment = Environment("train")
    environment.python.conda_dependencies.set_pip_requirements(list(packages))
    return environment


def test_build_returns_at_once_and_registers(
    workspace: Workspace,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(source)
    project = GatedProject.make(source / "gated")
    details = _with("./gated").build(workspace)
    assert details.status == "Running"
    assert Environment.get(workspace, "train").version == "1" == details.environment.version
    project.wait_until_building()
    assert "Building gated" in details.get_log()
    project.open()
    assert details.wait_for_completion() is details
    assert details.status == "Succeeded"
    assert capsys.readouterr().out == details.get_log()
    assert "Built in " in details.get_log()
    assert repr(details).endswith("status='Succeeded')")


def test_a_build_that_fails_says_why(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    details = _with("nosuch").build(workspace)
    said = "environment 'train' was not built: No set of packages fits the requirements: nosuch"
    with pytest.raises(ActivityFailedException, match=re.escape(said)) as raised:
        details.wait_for_completion(show_output=False)
    assert raised.value.error_details["type"] == "unresolvable"
    assert details.status == "Failed"
    assert capsys.readouterr().out == ""


def test_a_builder_that_was_killed_has_failed(
    workspace: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source)
    project = GatedProject.make(source / "gated")
    details = _with("./gated").build(workspace)
    project.wait_until_building()
    details._process.kill()
    with pytest.raises(ActivityFailedException, match="ended with code -9 and left no result"):
        details.wait_for_completion(show_output=False)
    assert details.status == "Failed"
    project.open()  # what the builder had started goes on, else


def test_a_registered_or_curated_environment_is_not_registered_again(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    registered = _with().register(workspace)
    details = registered.build(workspace, image_build_compute="cpu-cluster")
    assert details.environment is registered
    assert "image_build_compute='cpu-cluster' has no effect: it is built on this" in caplog.text
    details.wait_for_completion(show_output=False)


def test_the_conda_kind(workspace: Workspace, tmp_path: Path) -> None:
    channel = CondaChannel(tmp_path / "channel")
    channel.add_python()
    channel.add_module("hello")
    channel.index()
    environment = Environment("conda")
    environment.python.conda_dependencies.add_channel(channel.url)
    environment.python.conda_dependencies.add_conda_package("hello")
    environment.build(workspace).wait_for_completion(show_output=False)
    details = environment.get_image_details(workspace)
    assert details.interpreter_path == f"{details.environment_path}/bin/python"
    assert Path(str(details.interpreter_path)).exists()


def test_an_interpreter_of_the_users(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = Environment("mine")
    environment.python.user_managed_dependencies = True
    built = environment.build_local(workspace)
    assert built.status == "Succeeded"
    assert "nothing is installed" in capsys.readouterr().out
    details = environment.get_image_details(workspace)
    assert details.interpreter_path == sys.executable
    assert not details.image_exist


def test_a_venv_has_no_image(workspace: Workspace, wheelhouse: Wheelhouse) -> None:
    wheelhouse.add("base")
    environment = _with("base")
    details = environment.get_image_details(workspace)
    assert (details.image_exist, details.image, details.repository) == (False, None, None)
    assert details.dockerfile is None
    assert not os.path.exists(str(details.environment_path))
    environment.build_local(workspace)
    again = environment.get_image_details(workspace)
    assert again.interpreter_path == details.interpreter_path
    assert Path(str(again.interpreter_path)).exists()


def test_an_image(
    engine: Engine, workspace: Workspace, wheelhouse: Wheelhouse, capsys: pytest.CaptureFixture[str]
) -> None:
    wheelhouse.add("base")
    environment = _with("base")
    environment.docker.base_image = BASE
    before = environment.get_image_details(workspace)
    assert not before.image_exist
    built = environment.build_local(workspace, useDocker=True)
    assert "Adding a layer with /opt/runyard" in capsys.readouterr().out
    assert isinstance(built, ImageBuildDetails)
    details = environment.get_image_details(workspace)
    assert details.image_exist
    assert details.image == before.image
    assert details.repository == "runyard/train"
    assert details.interpreter_path == "/opt/runyard/environment/bin/python"
    assert details.environment_path == "/opt/runyard/environment"
    assert details.dockerfile == f"FROM {BASE}\n"
    result = {"image": {"id": details.image}, "python": details.interpreter_path}
    assert in_image(engine, result, "-c", "import base; print(base.version)") == "1.0"
    engine.ask("image", "rm", str(details.image))
    assert not environment.get_image_details(workspace).image_exist


def test_useDocker_False_builds_the_packages_without_the_image(
    workspace: Workspace, wheelhouse: Wheelhouse
) -> None:
    wheelhouse.add("base")
    environment = _with("base")
    environment.docker.base_image = "none:1"
    assert environment.build_local(workspace, useDocker=False).status == "Succeeded"
    assert environment.docker.base_image == "none:1"
    assert cache.built(_key(_with("base"))) is not None


def _key(environment: Environment) -> str:
    from runyard.environments import resolve

    return resolve(environment, source_directory=Path.cwd()).key


def test_the_password_reaches_the_builder_and_nothing_else(
    docker: Engine, registry: Registry, workspace: Workspace, tmp_path: Path
) -> None:
    reference = registry.push(docker, BASE, "team/methods:1")
    environment = Environment.from_docker_image("private", "team/methods:1")
    environment.docker.base_image_registry.address = registry.address
    environment.docker.base_image_registry.username = registry.username
    environment.docker.base_image_registry.password = registry.password
    environment.build(workspace).wait_for_completion(show_output=False)
    details = environment.get_image_details(workspace)
    assert details.interpreter_path == PYTHON
    assert details.registry.password == registry.password
    assert registry.password not in repr(details)
    shown = json.loads(repr(details))
    assert shown["registry"]["password"] == "***"
    assert shown["dockerfile"] == f"FROM {reference}\n"
    for folder in (tmp_path / "cache", tmp_path / "ws"):
        for path in folder.rglob("*"):
            assert not path.is_file() or registry.password.encode() not in path.read_bytes()
    docker.remove_image(reference)


_WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"useDoker": True}, TypeError, "got an unexpected keyword argument 'useDoker'; it takes"),
    ({"platform": "Windows"}, UserErrorException, "platform='Windows' cannot be built here; give"),
    (
        {"pushImageToWorkspaceAcr": True},
        UserErrorException,
        "pushImageToWorkspaceAcr=True: a workspace has no registry; build it, and push the image",
    ),
    (
        {"useDocker": True},
        UserErrorException,
        "useDocker=True, but environment 'train' names no image; set docker.base_image, or leave",
    ),
]


@pytest.mark.parametrize(("options", "kind", "text"), _WRONG)
def test_what_build_local_refuses(
    workspace: Workspace, options: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        _with().build_local(workspace, **options)


def test_details_before_anything_is_known(workspace: Workspace, tmp_path: Path) -> None:
    environment = Environment.from_dockerfile("made", "FROM base:1\nRUN true\n")
    details = environment.get_image_details(workspace)
    assert (details.interpreter_path, details.environment_path) == (None, None)
    assert details.dockerfile == "FROM base:1\nRUN true\n"
    assert str(details.image).startswith("runyard/made:")
