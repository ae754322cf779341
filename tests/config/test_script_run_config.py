from __future__ import annotations

import inspect
import re
import warnings
from types import SimpleNamespace
from typing import Any

import pytest

from runyard.config.run_configuration import RunConfiguration
from runyard.config.script_run_config import ScriptRunConfig
from runyard.config.sections import (
    DockerConfiguration,
    MpiConfiguration,
    PyTorchConfiguration,
    TensorflowConfiguration,
)
from runyard.environments.environment import Environment
from runyard.errors import RunConfigurationException, UserErrorException

_SIGNATURE = """
source_directory script=None arguments=None run_config=None _telemetry_values=None
compute_target=None environment=None distributed_job_config=None resume_from=None
max_run_duration_seconds=2592000 command=None docker_runtime_config=None
"""


def test_the_signature_is_that_of_sdk_v1() -> None:
    first, *others = inspect.signature(ScriptRunConfig).parameters.values()
    shown = [first.name, *(f"{item.name}={item.default!r}" for item in others)]
    assert shown == _SIGNATURE.split()
    assert {item.kind for item in others} == {inspect.Parameter.POSITIONAL_OR_KEYWORD}


def test_without_run_config_one_is_made() -> None:
    config = ScriptRunConfig("src", "train.py", ["--lr", 0.1])
    run_config = config.run_config
    assert (run_config.script, run_config.arguments) == ("train.py", ["--lr", 0.1])
    assert run_config.target == "local"
    assert run_config.environment.name == "default-environment"
    assert run_config.max_run_duration_seconds == 2592000
    assert ScriptRunConfig.MAX_DURATION_SECONDS_DEFAULT == 2592000
    assert run_config.docker.use_docker is False


def test_the_other_parameters_reach_the_run_config() -> None:
    environment = Environment("mine")
    config = ScriptRunConfig(
        "src",
        command="ls",
        compute_target=SimpleNamespace(name="cluster"),
        environment=environment,
        max_run_duration_seconds=None,
        docker_runtime_config=DockerConfiguration(use_docker=False),
    )
    assert config.run_config.target == "cluster"
    assert config.run_config.environment is environment
    assert config.run_config.max_run_duration_seconds is None
    assert (config.script, config.command) == (None, "ls")


@pytest.mark.parametrize("given", ["", None])
def test_no_source_directory_is_the_current_one(given: Any) -> None:
    assert ScriptRunConfig(given).source_directory == "."


def test_changes_of_the_run_config_count() -> None:
    config = ScriptRunConfig("src", "train.py")
    config.run_config.script = "other.py"
    config.run_config.arguments = ["-v"]
    assert (config.script, config.arguments) == ("other.py", ["-v"])


def test_what_is_given_wins_and_the_rest_comes_from_the_run_config() -> None:
    run_config = RunConfiguration("theirs.py", ["-v"])
    with pytest.warns(UserWarning, match=r"script='mine\.py' is used; run_config\.script='theirs"):
        config = ScriptRunConfig("src", "mine.py", run_config=run_config)
    assert (config.script, config.arguments) == ("mine.py", ["-v"])
    assert run_config.script == "theirs.py"
    assert config.run_config is run_config


def test_nothing_is_warned_of_where_nothing_is_lost() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config = ScriptRunConfig("src", "train.py", ["-v"], RunConfiguration("train.py"))
    assert config.arguments == ["-v"]


def test_a_command_replaces_the_script_of_the_run_config() -> None:
    config = ScriptRunConfig("src", run_config=RunConfiguration("train.py", ["-v"]), command="ls")
    assert (config.script, config.arguments, config.command) == (None, [], "ls")


def test_a_script_replaces_the_command_of_the_run_config() -> None:
    config = ScriptRunConfig("src", "train.py", run_config=RunConfiguration(command="ls"))
    assert (config.script, config.command) == ("train.py", None)


def test_parameters_beside_a_run_config_are_ignored_with_a_warning() -> None:
    with pytest.warns(
        UserWarning,
        match="compute_target, environment, max_run_duration_seconds ignored because run_config "
        "is given; set them on run_config",
    ) as caught:
        config = ScriptRunConfig(
            "src",
            "train.py",
            run_config=RunConfiguration(),
            compute_target="other",
            environment=Environment("other"),
            max_run_duration_seconds=60,
        )
    assert config.run_config.target == "local"
    assert config.run_config.max_run_duration_seconds is None
    assert caught[0].filename == __file__


def test_attributes_can_be_set_and_the_run_config_is_left_alone() -> None:
    run_config = RunConfiguration("train.py", ["-v"])
    config = ScriptRunConfig("src", run_config=run_config)
    config.script, config.arguments = "other.py", ["-q"]
    assert (config.script, config.arguments) == ("other.py", ["-q"])
    assert (run_config.script, run_config.arguments) == ("train.py", ["-v"])
    config.command = "ls"
    assert config.command == "ls"


def test_the_callers_list_is_copied() -> None:
    given = ["-v"]
    ScriptRunConfig("src", "train.py", given).arguments.append("-q")
    ScriptRunConfig("src", "train.py", given, RunConfiguration()).arguments.append("-q")
    assert given == ["-v"]


@pytest.mark.parametrize(
    ("job", "section", "words", "nodes"),
    [
        (MpiConfiguration(2, 3), "mpi", ("Python", "IntelMpi"), 3),
        (PyTorchConfiguration("Gloo", 4, 2), "pytorch", ("PyTorch", "gloo"), 2),
        (TensorflowConfiguration(5, 2), "tensorflow", ("TensorFlow", "ParameterServer"), 5),
    ],
)
def test_a_distributed_job_is_a_section(
    job: Any, section: str, words: tuple[str, str], nodes: int
) -> None:
    run_config = ScriptRunConfig("src", "train.py", distributed_job_config=job).run_config
    assert getattr(run_config, section) is job
    assert (run_config.framework, run_config.communicator) == words
    assert run_config.node_count == nodes
    given = RunConfiguration()
    with pytest.warns(UserWarning, match="distributed_job_config ignored because run_config is"):
        ScriptRunConfig("src", "train.py", run_config=given, distributed_job_config=job)
    assert (given.communicator, given.node_count) == ("None", 1)


_BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    (
        {"script": "train.py", "command": "ls"},
        UserErrorException,
        "script='train.py' and command='ls' are both given",
    ),
    (
        {"distributed_job_config": "mpi"},
        RunConfigurationException,
        "distributed_job_config is 'mpi' of type str; give a TensorflowConfiguration or "
        "MpiConfiguration or PyTorchConfiguration",
    ),
    (
        {"resume_from": "x"},
        UserErrorException,
        "resume_from is 'x' of type str; give the Run whose outputs hold the checkpoint, or a",
    ),
    (
        {"docker_runtime_config": True},
        RunConfigurationException,
        "docker_runtime_config is True of type bool; give a DockerConfiguration",
    ),
    (
        {"run_config": "sklearn"},
        UserErrorException,
        "Failed to load RunConfiguration from path='src' name='sklearn': there is no",
    ),
    (
        {"run_config": {}},
        RunConfigurationException,
        "run_config is {} of type dict; give a RunConfiguration",
    ),
    (
        {"environment": "my-env"},
        RunConfigurationException,
        "environment is 'my-env' of type str; give an Environment, such as",
    ),
    (
        {"compute_target": 3},
        RunConfigurationException,
        "compute_target is 3 of type int; give the name of a compute target such as 'local'",
    ),
]


@pytest.mark.parametrize(("parameters", "kind", "text"), _BAD)
def test_what_cannot_be_used_is_refused(
    parameters: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        ScriptRunConfig("src", **parameters)


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (
            {"show_output": True},
            "takes no parameter 'show_output'; to see the output: "
            "run.wait_for_completion(show_output=True)",
        ),
        ({"script_params": {}}, "submit() of a ScriptRunConfig takes no parameter 'script_params'"),
    ],
)
def test_submit_takes_no_overrides(overrides: dict[str, Any], text: str) -> None:
    nowhere: Any = None
    with pytest.raises(TypeError, match=re.escape(text)):
        ScriptRunConfig("src", "train.py").submit_to(nowhere, **overrides)
