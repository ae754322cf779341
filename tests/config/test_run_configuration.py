from __future__ import annotations

import copy
import inspect
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest

from runyard.config.run_configuration import RunConfiguration
from runyard.config.script_run_config import ScriptRunConfig
from runyard.config.sections import (
    DockerConfiguration,
    MpiConfiguration,
    ParallelTaskConfiguration,
    PyTorchConfiguration,
    TensorflowConfiguration,
)
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.errors import RunConfigurationException


def test_defaults_under_the_names_of_sdk_v1() -> None:
    shown = RunConfiguration().to_dict()
    environment = shown.pop("environment")
    assert shown == {
        "script": None,
        "arguments": [],
        "command": "",
        "target": "local",
        "framework": "Python",
        "communicator": "None",
        "maxRunDurationSeconds": None,
        "nodeCount": 1,
        "priority": None,
        "history": {
            "outputCollection": True,
            "snapshotProject": True,
            "directoriesToWatch": ["logs"],
        },
        "spark": {
            "configuration": {
                "spark.app.name": "Azure ML Experiment",
                "spark.yarn.maxAppAttempts": 1,
            }
        },
        "hdi": {"yarnDeployMode": "cluster"},
        "docker": {"useDocker": False, "sharedVolumes": True, "arguments": [], "shmSize": "2g"},
        "tensorflow": {"workerCount": 1, "parameterServerCount": 1},
        "mpi": {"processCountPerNode": 1, "nodeCount": 1},
        "pytorch": {"communicationBackend": "nccl", "processCount": None, "nodeCount": 1},
        "paralleltask": {
            "maxRetriesPerWorker": 0,
            "workerCountPerNode": 1,
            "terminalExitCodes": None,
        },
        "dataReferences": {},
        "data": {},
        "datacaches": [],
        "outputData": {},
        "sourceDirectoryDataStore": None,
        "amlcompute": {
            "vmSize": None,
            "vmPriority": None,
            "retainCluster": False,
            "name": None,
            "clusterMaxNodeCount": None,
        },
        "autoClusterComputeSpecification": None,
        "kubernetescompute": {"instanceType": None},
        "credentialPassthrough": False,
        "environmentVariables": {},
        "applicationEndpoints": {},
    }
    assert environment["name"] == "default-environment"
    assert environment["python"]["userManagedDependencies"] is False
    assert environment["python"]["condaDependencies"]["name"] == "project_environment"


def test_the_signature_is_that_of_sdk_v1() -> None:
    assert list(inspect.signature(RunConfiguration).parameters) == [
        *("script", "arguments", "framework", "communicator", "conda_dependencies"),
        *("_history_enabled", "_path", "_name", "command"),
    ]


def test_every_parameter_of_the_constructor() -> None:
    dependencies = CondaDependencies.create(pip_packages=["numpy"])
    made = RunConfiguration(
        "train.py", ["--lr", 0.1], "PyTorch", "None", dependencies, _history_enabled=False
    )
    assert (made.script, made.arguments, made.framework) == ("train.py", ["--lr", 0.1], "PyTorch")
    assert made.environment.python.conda_dependencies is dependencies
    assert made.history.output_collection is False
    assert RunConfiguration(command=["ls"]).command == ["ls"]


def test_the_callers_arguments_are_copied() -> None:
    given = ["--lr"]
    RunConfiguration(arguments=given).arguments.append("0.1")
    assert given == ["--lr"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "enviroment",
            "RunConfiguration has no attribute 'enviroment'; did you mean 'environment'?",
        ),
        ("data_reference", "RunConfiguration has no attribute 'data_reference'; did you mean"),
    ],
)
def test_unknown_attributes(name: str, text: str) -> None:
    made = RunConfiguration()
    with pytest.raises(AttributeError, match=re.escape(text)):
        setattr(made, name, 1)
    with pytest.raises(AttributeError, match=re.escape(text)):
        getattr(made, name)


def test_sections_know_their_attributes() -> None:
    with pytest.raises(AttributeError, match="DockerConfiguration has no attribute 'usedocker'"):
        DockerConfiguration().usedocker = True


def test_a_target_is_a_name_or_has_one() -> None:
    made = RunConfiguration()
    made.target = SimpleNamespace(name="cluster")  # type: ignore[assignment]
    assert made.target == "cluster"
    made.target = None  # type: ignore[assignment]
    assert made.target == ""
    with pytest.raises(RunConfigurationException, match="compute_target is 3 of type int; give"):
        made.target = 3  # type: ignore[assignment]


def test_secrets_and_credentials_are_not_shown() -> None:
    made = RunConfiguration()
    made.environment_variables = {"HF_TOKEN": "hunter2", "LEVEL": "1"}
    made.environment.environment_variables = {"DB_PASSWORD": "hunter2"}
    made.environment.python.conda_dependencies.set_pip_option(
        "--index-url https://me:hunter2@host/simple"
    )
    text = json.dumps(made.to_dict())
    assert "hunter2" not in text
    assert made.to_dict()["environmentVariables"] == {"HF_TOKEN": "***", "LEVEL": "1"}
    assert made.environment_variables["HF_TOKEN"] == "hunter2"


def test_variables_keep_their_names() -> None:
    made = RunConfiguration()
    made.environment_variables = {"my_name": "x"}
    assert made.to_dict()["environmentVariables"] == {"my_name": "x"}


def test_a_deep_copy_is_independent() -> None:
    made = RunConfiguration("train.py")
    twin = copy.deepcopy(made)
    twin.docker.use_docker = True
    assert not made.docker.use_docker
    assert twin.script == "train.py"


def test_what_it_is_shown_as() -> None:
    by_script = RunConfiguration("train.py")
    assert repr(by_script.amlcompute) == (
        "AmlComputeConfiguration(vm_size=None, vm_priority=None, retain_cluster=False, name=None, "
        "cluster_max_node_count=None)"
    )
    assert repr(by_script) == "RunConfiguration(script='train.py', target='local')"
    by_command = RunConfiguration(command="make all")
    assert repr(by_command) == "RunConfiguration(command='make all', target='local')"
    shown = "ScriptRunConfig('src', command='make all', compute_target='local')"
    assert repr(ScriptRunConfig("src", run_config=by_command)) == shown


def test_environments_are_always_prepared() -> None:
    assert RunConfiguration().auto_prepare_environment is True


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (MpiConfiguration(2, 3), {"process_count_per_node": 2, "node_count": 3}),
        (TensorflowConfiguration(2, 3), {"worker_count": 2, "parameter_server_count": 3}),
        (
            PyTorchConfiguration("Gloo", 4, 2),
            {"communication_backend": "gloo", "process_count": 4, "node_count": 2},
        ),
        (
            ParallelTaskConfiguration(),
            {"max_retries_per_worker": 0, "worker_count_per_node": 1, "terminal_exit_codes": None},
        ),
        (
            DockerConfiguration(True, False, ["--ipc=host"], "8g"),
            {
                "use_docker": True,
                "shared_volumes": False,
                "arguments": ["--ipc=host"],
                "shm_size": "8g",
            },
        ),
    ],
)
def test_sections(section: Any, expected: dict[str, Any]) -> None:
    assert vars(section) == expected


def test_docker_arguments_are_not_shared() -> None:
    DockerConfiguration().arguments.append("--privileged")
    assert DockerConfiguration().arguments == []


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(RunConfigurationException, match="communication_backend='mpi' is not known"):
        PyTorchConfiguration("mpi")
