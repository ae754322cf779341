"""What all estimators have in common, and what code written for SDK v1 reads of them."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runyard.config.run_configuration import RunConfiguration
from runyard.errors import TrainingException
from runyard.estimators.base import MMLBaseEstimator
from runyard.estimators.base_run_config import MMLBaseEstimatorRunConfig
from runyard.estimators.estimator import Estimator
from runyard.history.experiment import Experiment
from tests.config.targets import FakeTarget


def test_a_run_configuration_makes_an_estimator() -> None:
    run_config = RunConfiguration(script="train.py")
    estimator = MMLBaseEstimator("src", compute_target="pool", estimator_config=run_config)
    assert (estimator.source_directory, estimator.run_config.target) == ("src", "pool")
    assert run_config.target == "local"
    assert estimator.run_config.environment is run_config.environment
    assert estimator.conda_dependencies is run_config.environment.python.conda_dependencies
    shown = "MMLBaseEstimator('src', entry_script='train.py', compute_target='pool')"
    assert repr(estimator) == shown
    assert MMLBaseEstimator(None, compute_target=None).run_config.target == "local"
    wrong: Any = {"script": "train.py"}
    with pytest.raises(TrainingException, match=r"of type dict; give a RunConfiguration"):
        MMLBaseEstimator("src", compute_target="local", estimator_config=wrong)


def test_it_is_submitted(project: Path, experiment: Experiment, target: FakeTarget) -> None:
    run_config = RunConfiguration(script="train.py", arguments=["-v"])
    estimator = MMLBaseEstimator(project, compute_target="fake", estimator_config=run_config)
    experiment.submit(estimator)
    assert target.record["spec"]["arguments"] == ["-v"]
    text = (
        "script_params parameters cannot be overridden: this estimator was made of a run "
        "configuration. Change its run_config instead"
    )
    with pytest.raises(TrainingException, match=re.escape(text)):
        estimator.submit_to(experiment, script_params={"-v": ""})


def test_what_others_read(project: Path, experiment: Experiment, target: FakeTarget) -> None:
    pool = SimpleNamespace(name="fake")
    estimator = Estimator(
        project, compute_target=pool, entry_script="train.py", script_params={"--lr": 1}
    )
    assert isinstance(estimator, MMLBaseEstimator)
    assert estimator._compute_target is pool
    assert estimator._distributed_backend is None
    assert estimator._estimator_config is estimator._original_config is estimator.run_config
    assert estimator._manual_restart_used is False
    assert estimator._SUPPORTED_BACKENDS == ("mpi",)
    estimator.submit_to(experiment, script_params={"--lr": 2})
    submitted: Any = estimator._last_submitted_runconfig
    assert submitted.arguments == ["--lr", 2]
    assert estimator.run_config.arguments == ["--lr", 1]


def test_minimal_values_of_sdk_v1() -> None:
    run_config = Estimator("src", compute_target="local").run_config
    assert run_config.amlcompute.cluster_max_node_count == 1
    assert (run_config.amlcompute.vm_size, run_config.amlcompute.vm_priority) == (None, None)
    assert run_config.use_gpu is None


def test_a_machine_size_without_a_target_is_one_made_for_the_run() -> None:
    run_config = Estimator("src", vm_size="STANDARD_D2_V2", vm_priority="lowpriority").run_config
    assert run_config.target == "amlcompute"
    assert run_config.amlcompute.vm_size == "STANDARD_D2_V2"
    assert run_config.amlcompute.vm_priority == "lowpriority"
    beside = Estimator("src", compute_target="pool", vm_size="NC6", use_gpu=True).run_config
    assert (beside.target, beside.use_gpu) == ("pool", True)


# MMLBaseEstimatorRunConfig


def test_its_parameters_are_those_of_sdk_v1() -> None:
    first, *others = inspect.signature(MMLBaseEstimatorRunConfig).parameters.values()
    assert first.name == "compute_target"
    assert [parameter.name for parameter in others] == [
        *("vm_size", "vm_priority", "entry_script", "script_params", "node_count"),
        *("process_count_per_node", "distributed_backend", "use_gpu", "use_docker"),
        *("custom_docker_base_image", "custom_docker_image", "image_registry_details"),
        *("user_managed", "conda_packages", "pip_packages", "environment_definition", "inputs"),
        *("source_directory_data_store", "shm_size"),
    ]
    defaults = {parameter.name: parameter.default for parameter in others}
    assert defaults.pop("user_managed") is False
    assert set(defaults.values()) == {None}


def test_it_is_a_run_configuration_of_an_estimators_parameters() -> None:
    with pytest.warns(DeprecationWarning, match="MMLBaseEstimatorRunConfig is deprecated") as said:
        made = MMLBaseEstimatorRunConfig(
            "pool",
            "NC6",
            "dedicated",
            "train.py",
            {"--lr": 1},
            pip_packages=["numpy"],
            shm_size="8g",
        )
    assert [item.filename for item in said] == [__file__]
    estimator = Estimator(
        "src",
        compute_target="pool",
        vm_size="NC6",
        vm_priority="dedicated",
        entry_script="train.py",
        script_params={"--lr": 1},
        pip_packages=["numpy"],
        shm_size="8g",
    )
    assert isinstance(made, RunConfiguration)
    assert made.to_dict() == estimator.run_config.to_dict()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_its_defaults_work(project: Path, experiment: Experiment, target: FakeTarget) -> None:
    made = MMLBaseEstimatorRunConfig("fake")
    assert (made.target, made.node_count, made.docker.use_docker) == ("fake", 1, True)
    made.script = "train.py"
    estimator = MMLBaseEstimator(project, compute_target="fake", estimator_config=made)
    experiment.submit(estimator)
    assert target.record["spec"]["script"] == "train.py"
    with pytest.raises(AttributeError, match="MMLBaseEstimatorRunConfig has no attribute 'scrip'"):
        made.scrip = "a"
