"""``get_details()`` of a submitted run: the keys of spec 12.6, and of spec 5 in runDefinition."""

from pathlib import Path
from typing import Any

import pytest

from runyard import Environment, Experiment, Run, RunConfiguration, ScriptRunConfig, Workspace

ALWAYS = {
    "runId",
    "target",
    "status",
    "services",
    "warnings",
    "properties",
    "inputDatasets",
    "outputDatasets",
    "runDefinition",
    "logFiles",
    "submittedBy",
}
DEFAULTS: dict[str, Any] = {
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
        "configuration": {"spark.app.name": "Azure ML Experiment", "spark.yarn.maxAppAttempts": 1}
    },
    "docker": {"useDocker": False, "sharedVolumes": True, "arguments": [], "shmSize": "2g"},
    "hdi": {"yarnDeployMode": "cluster"},
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
"""The table of spec 5: what a configuration that says nothing is."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text("print('trained')\n")
    environment = Environment("mine")
    environment.python.user_managed_dependencies = True
    config = ScriptRunConfig(str(source), "train.py", environment=environment)
    run: Run = Experiment(Workspace.create("details"), "e").submit(config)
    run.wait_for_completion()
    return run


def test_details_have_the_keys_of_spec_12_6(run: Run) -> None:
    details = run.get_details()
    assert set(details) == {*ALWAYS, "startTimeUtc", "endTimeUtc"}
    assert {"ContentSnapshotId", "_azureml.ComputeTargetType"} <= set(details["properties"])


def test_run_definition_has_the_keys_and_defaults_of_spec_5(run: Run) -> None:
    definition = run.get_details()["runDefinition"]
    assert set(definition) == {*DEFAULTS, "script", "environment"}
    # The limit is that of every ScriptRunConfig (spec 4).
    expected = {**DEFAULTS, "maxRunDurationSeconds": 2592000}
    assert {key: definition[key] for key in DEFAULTS} == expected
    assert definition["script"] == "train.py"
    environment = definition["environment"]
    assert environment["name"] == "mine"
    assert environment["python"]["userManagedDependencies"] is True
    assert {"docker", "spark", "environmentVariables"} <= set(environment)


def test_a_fresh_configuration_is_the_table(run: Run) -> None:
    shown = RunConfiguration().to_dict()
    assert {key: shown[key] for key in DEFAULTS} == DEFAULTS


def test_details_with_logs_have_the_text_and_get_all_logs_the_files(
    run: Run, tmp_path: Path
) -> None:
    name = "user_logs/std_log.txt"
    assert run.get_details_with_logs()["logFiles"][name] == "trained\n"
    paths = run.get_all_logs(str(tmp_path / "logs"))
    assert (tmp_path / "logs" / name).read_text() == "trained\n"
    assert str(tmp_path / "logs" / name) in paths
    run.get_all_logs()
    assert (tmp_path / "assets" / run.id / name).is_file()
