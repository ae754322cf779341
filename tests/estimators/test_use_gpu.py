"""use_gpu of estimators: the packages for GPUs, and those for the CPU where it is used instead."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import runyard
from runyard.computes.protocol import Problem
from runyard.errors import TrainingException
from runyard.history import targets
from runyard.history.experiment import Experiment
from tests.config.targets import FakeTarget


class WithoutGpu(FakeTarget):
    def lacks_gpu(self, variables: Any) -> str:
        return "there is none; buy one"

    def check(self, spec: Any) -> list[Problem]:
        return [Problem("use_gpu", self.lacks_gpu({}))] if spec.use_gpu else []


@pytest.fixture
def without_gpu(target: FakeTarget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> WithoutGpu:
    monkeypatch.delenv("RUNYARD_GPU_FALLBACK", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    found = WithoutGpu()
    monkeypatch.setattr(targets, "_FACTORIES", {"fake": lambda: found})
    return found


def make(project: Path, **given: Any) -> Any:
    return runyard.framework("XGBoost")(
        project,
        compute_target="fake",
        entry_script="train.py",
        framework_version="3.2",
        use_gpu=True,
        **given,
    )


def requirements(target: FakeTarget) -> list[str]:
    found: list[str] = target.record["spec"]["environment"]["requirements"]
    return found


def test_the_packages_for_gpus(project: Path, experiment: Experiment, target: FakeTarget) -> None:
    estimator = make(project)
    assert estimator.run_config.use_gpu is True
    estimator.submit_to(experiment)
    assert target.record["spec"]["use_gpu"] is True
    assert "xgboost==3.2.0" in requirements(target)
    assert not any(line.startswith("xgboost-cpu") for line in requirements(target))


def test_without_a_gpu_it_is_an_error_before_the_start(
    project: Path, experiment: Experiment, without_gpu: WithoutGpu
) -> None:
    text = "compute target 'fake' cannot run this: use_gpu: there is none; buy one"
    with pytest.raises(TrainingException, match=re.escape(text)):
        make(project).submit_to(experiment)
    assert without_gpu.runs == []


def test_those_for_the_cpu_where_it_may_be_used_instead(
    project: Path,
    experiment: Experiment,
    without_gpu: WithoutGpu,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUNYARD_GPU_FALLBACK", "1")
    estimator = make(project, pip_packages=["tqdm"])
    estimator.conda_dependencies.add_pip_package("attrs")
    before = estimator.conda_dependencies.pip_lines
    estimator.submit_to(experiment)
    spec = without_gpu.record["spec"]
    assert spec["use_gpu"] is False
    found = requirements(without_gpu)
    assert "xgboost-cpu==3.2.0" in found
    assert not any(line.startswith("xgboost==") for line in found)
    assert {"tqdm", "attrs"} <= set(found)
    assert [n for n in without_gpu.record["notices"] if "use_gpu" in n] == [
        "use_gpu=True, but the run uses the CPU: there is none"
    ]
    assert estimator.conda_dependencies.pip_lines == before


def test_an_environment_of_the_user_stays_as_it_is(
    project: Path,
    experiment: Experiment,
    without_gpu: WithoutGpu,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUNYARD_GPU_FALLBACK", "1")
    estimator = runyard.Estimator(
        project,
        compute_target="fake",
        entry_script="train.py",
        use_gpu=True,
        pip_packages=["tensorflow-gpu==1.13.1"],
    )
    estimator.submit_to(experiment)
    assert requirements(without_gpu) == ["tensorflow-gpu==1.13.1"]
