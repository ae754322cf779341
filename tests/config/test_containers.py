"""The container of a run, as far as it is planned."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from runyard.config.planning import Plan, plan
from runyard.config.run_configuration import RunConfiguration
from runyard.config.script_run_config import ScriptRunConfig
from runyard.config.sections import DockerConfiguration
from runyard.environments.environment import Environment
from runyard.errors import RunConfigurationException, RunyardError, UserErrorException
from tests.config.targets import FakeTarget


@pytest.fixture
def planned(project: Path, workspace: Any, target: FakeTarget) -> Any:
    """Plan a run in an image, with those settings of DockerConfiguration."""

    def planned(environment: Environment | None = None, **docker: Any) -> Plan:
        if environment is None:
            environment = Environment.from_docker_image("in-image", "base:1")
        config = ScriptRunConfig(
            project,
            "train.py",
            environment=environment,
            compute_target="fake",
            docker_runtime_config=DockerConfiguration(**docker),
        )
        return plan(config, workspace, experiment="exp")

    return planned


def container(made: Plan) -> dict[str, Any] | None:
    found: dict[str, Any] | None = made.spec.to_dict()["container"]
    return found


def test_an_image_makes_a_container(planned: Any) -> None:
    made = planned()
    assert container(made) == {"shm_size": "2g", "arguments": ()}
    assert made.spec.environment.image.name == "base:1"
    assert made.environment_ready is False


def test_without_an_image_there_is_none(planned: Any) -> None:
    assert container(planned(Environment("plain"), use_docker=True)) is None


def test_the_settings_of_the_run_reach_it(planned: Any) -> None:
    arguments = ["--cap-add=SYS_PTRACE", "-v", "/data:/data"]
    made = planned(shm_size="8g", arguments=arguments, use_docker=True)
    assert container(made) == {"shm_size": "8g", "arguments": tuple(arguments)}
    assert made.notices == ()


def test_those_of_the_environment_count_where_the_run_says_nothing(planned: Any) -> None:
    environment = Environment.from_docker_image("in-image", "base:1")
    environment.docker.shm_size = "1g"
    environment.docker.arguments = ["--ipc=host"]
    assert container(planned(environment)) == {"shm_size": "1g", "arguments": ("--ipc=host",)}
    assert container(planned(environment, shm_size="3g")) == {
        "shm_size": "3g",
        "arguments": ("--ipc=host",),
    }


def test_what_no_container_has_use_for_is_said(planned: Any) -> None:
    environment = Environment("plain")
    environment.docker.base_image_registry.address = "registry.example"
    made = planned(environment, use_docker=True, shm_size="8g", arguments=["--ipc=host"])
    assert made.notices == (
        "use_docker is True but no image is named: no container is used",
        "docker.arguments=['--ipc=host'] has no effect: no image is named, so that the run uses no "
        "container",
        "docker.shm_size='8g' has no effect: no image is named, so that the run uses no container",
        "docker.base_image_registry (registry.example) has no effect: no image is named",
    )


@pytest.mark.parametrize(
    ("docker", "kind", "text"),
    [
        ({"shm_size": "lots"}, RunConfigurationException, "docker.shm_size='lots' is not a size"),
        ({"shm_size": "1.5g"}, RunConfigurationException, "give a whole number with b, k, m or g"),
        ({"arguments": [1]}, RunConfigurationException, "docker.arguments=[1] is not a list of"),
        (
            {"arguments": ["--name=mine"]},
            UserErrorException,
            "docker.arguments: '--name=mine' cannot be given: runyard finds the container by",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(
    planned: Any, docker: dict[str, Any], kind: type[RunyardError], text: str
) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        planned(**docker)


def test_arguments_a_run_does_without_are_left_out(planned: Any) -> None:
    made = planned(arguments=["--rm", "--ipc=host", "-it"])
    assert container(made) == {"shm_size": "2g", "arguments": ("--ipc=host",)}
    assert made.notices[0].startswith("docker.arguments: '--rm' is left out: runyard removes")


def test_volumes_are_shared_in_any_case(planned: Any) -> None:
    made = planned(shared_volumes=False)
    assert container(made) is not None
    assert made.notices[0].startswith("docker.shared_volumes=False has no effect: the workspace is")


def test_a_variable_that_a_shell_cannot_set_is_refused(
    project: Path, workspace: Any, target: FakeTarget
) -> None:
    environment = Environment.from_docker_image("in-image", "base:1")
    config = ScriptRunConfig(project, "train.py", environment=environment, compute_target="fake")
    config.run_config.environment_variables = {"OK": "1", "my.name": "2"}
    with pytest.raises(
        UserErrorException, match=r"environment_variables: 'my\.name' cannot be set"
    ):
        plan(config, workspace, experiment="exp")


def test_the_password_of_the_registry_stays_in_memory(planned: Any) -> None:
    environment = Environment.from_docker_image("in-image", "base:1")
    registry = environment.docker.base_image_registry
    registry.address, registry.username, registry.password = "registry.example", "me", "hunter2"
    made = planned(environment)
    assert made.secrets == {"RUNYARD_REGISTRY_PASSWORD": "hunter2"}
    assert made.spec.secret_variables == ()
    assert "hunter2" not in repr(made)
    assert "hunter2" not in str(made.spec.to_dict())


def test_a_file_of_sdk_v1_that_names_its_default_image_uses_none(
    project: Path, workspace: Any, target: FakeTarget
) -> None:
    (project / "old.runconfig").write_text(
        "script: train.py\nenvironment:\n  docker:\n"
        "    baseImage: mcr.microsoft.com/azureml/base:1\n"
    )
    config = ScriptRunConfig(project, "train.py")
    config.run_config = RunConfiguration.load(project / "old.runconfig")
    made = plan(config, workspace, experiment="exp")
    assert container(made) is None
    assert "docker.base_image 'mcr.microsoft.com/azureml/base:1' is not used" in made.notices[0]
    config.run_config.docker.use_docker = True
    made = plan(config, workspace, experiment="exp")
    assert made.spec.environment.image is not None
    assert container(made) is not None
