"""Nodes that are made for one run: target 'amlcompute' (spec 2.1, 2.2, 9.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runyard import Environment, Experiment, ScriptRunConfig, Workspace
from runyard.computes.amlcompute import AmlCompute
from runyard.config import planning
from runyard.errors import ExperimentExecutionException, UserErrorException


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    return Experiment(Workspace.create("my-ws", path=tmp_path, show_output=False), "exp")


@pytest.fixture
def config(tmp_path: Path) -> ScriptRunConfig:
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text("print('ran')")
    environment = Environment("current")
    environment.python.user_managed_dependencies = True
    config = ScriptRunConfig(source, "train.py", environment=environment)
    config.run_config.target = "amlcompute"
    config.run_config.amlcompute.vm_size = "STANDARD_D2_V2"
    return config


def test_a_size_without_a_target_makes_nodes_for_the_run_and_leaves_none(
    experiment: Experiment, config: ScriptRunConfig
) -> None:
    run = experiment.submit(config)
    details: dict[str, Any] = run.wait_for_completion()
    assert (details["status"], details["target"]) == ("Completed", "amlcompute")
    assert experiment.workspace.compute_targets == {}


def test_without_a_size_there_is_nothing_to_make(
    experiment: Experiment, config: ScriptRunConfig
) -> None:
    config.run_config.amlcompute.vm_size = None
    with pytest.raises(ExperimentExecutionException) as caught:
        experiment.submit(config)
    assert caught.value.message == (
        "the target 'amlcompute' is made for the run, and needs a machine size; give vm_size, "
        "such as 'STANDARD_D2_V2', or the name of a compute target"
    )


def test_nodes_that_are_kept_have_a_name(experiment: Experiment, config: ScriptRunConfig) -> None:
    section = config.run_config.amlcompute
    section.retain_cluster = True
    with pytest.raises(ExperimentExecutionException, match=r"give\s+amlcompute\.name, or leave"):
        experiment.submit(config)
    section.name = "local"
    with pytest.raises(UserErrorException, match="'local' is a reserved name"):
        experiment.submit(config)
    section.name = "kept"
    section._cluster_max_node_count = 3  # as SDK v1 calls it
    assert (section.cluster_max_node_count, section._cluster_max_node_count) == (3, 3)
    planned = planning.plan(config, experiment.workspace, experiment="exp")
    assert planned.spec.target == "kept"
    assert experiment.workspace.compute_targets == {}  # a plan makes nothing
    for _ in range(2):
        run = experiment.submit(config)
        assert run.wait_for_completion()["target"] == "kept"
    pool = AmlCompute(experiment.workspace, "kept")
    assert isinstance(pool, AmlCompute)
    assert (pool.vm_size, pool.scale_settings.maximum_node_count) == ("Standard_D2_v2", 3)


def test_a_name_that_nothing_is_kept_under_is_said(
    experiment: Experiment, config: ScriptRunConfig
) -> None:
    config.run_config.amlcompute.name = "unused"
    planned = planning.plan(config, experiment.workspace, experiment="exp")
    assert [text for text in planned.notices if "amlcompute.name" in text] == [
        "amlcompute.name='unused' has no effect: only nodes that are made for the run and kept "
        "(target 'amlcompute', retain_cluster=True) have a name"
    ]
