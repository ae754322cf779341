"""What a run asks of its target: machine size, priority, GPUs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from runyard.computes.protocol import Problem
from runyard.config import resources
from runyard.config.jobspec import JobSpec, Resources
from runyard.config.planning import Plan, plan
from runyard.config.resubmission import resubmit
from runyard.config.script_run_config import ScriptRunConfig
from runyard.errors import ComputeTargetException, UserErrorException
from runyard.history.experiment import Experiment
from tests.config.fixtures import runs_of
from tests.config.targets import FakeTarget

GIB = 2**30
NC12 = Resources(cpus=12, memory_bytes=112 * GIB)
NO_GPU = "there is none; buy one"


class OfTarget(FakeTarget):
    """A target that knows whether it has a GPU, and says something of every run."""

    lacking = NO_GPU

    def lacks_gpu(self, variables: Any) -> str:
        return self.lacking

    def check(self, spec: JobSpec) -> list[Problem]:
        lacking = spec.use_gpu and self.lacking
        return [*self.problems, *([Problem("use_gpu", self.lacking)] if lacking else [])]

    def notices(self, spec: JobSpec) -> list[str]:
        return [f"seen {spec.vm_size}"]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RUNYARD_GPU_FALLBACK", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def knowing(target: FakeTarget, monkeypatch: pytest.MonkeyPatch) -> OfTarget:
    """The target of the name 'local' and 'fake'."""
    from runyard.history import targets

    found = OfTarget()
    monkeypatch.setattr(targets, "_FACTORIES", {"fake": lambda: found, "local": lambda: found})
    return found


def planned(project: Path, workspace: Any, **asked: Any) -> Plan:
    config = ScriptRunConfig(project, "train.py", compute_target=asked.pop("target", "local"))
    config.run_config.use_gpu = asked.pop("use_gpu", None)
    for name, value in asked.items():
        setattr(config.run_config.amlcompute, name, value)
    return plan(config, workspace, experiment="exp")


def pool(workspace: Any, **record: Any) -> None:
    """Describe the target 'fake' in the workspace."""
    folder = Path(workspace.directory.path) / "computes"
    folder.mkdir(parents=True)
    (folder / "fake.json").write_text(json.dumps({"type": "fake", **record}))


@pytest.mark.usefixtures("target")
def test_a_machine_size_is_what_is_asked_of_a_node(project: Path, workspace: Any) -> None:
    spec = planned(project, workspace, vm_size="standard_nc12", vm_priority="LowPriority").spec
    assert (spec.vm_size, spec.vm_priority) == ("Standard_NC12", "lowpriority")
    assert (spec.resources, spec.use_gpu) == (NC12, False)
    alone = planned(project, workspace).spec
    assert (alone.vm_size, alone.vm_priority, alone.resources) == (None, None, None)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("NC12", Resources(cpus=12, memory_bytes=112 * GIB, gpus=2)),
        ("D1", Resources(cpus=1, memory_bytes=int(3.5 * GIB), gpus=1)),
        (None, Resources(gpus=1)),
    ],
)
def test_a_gpu_is_asked_for_where_the_script_needs_one(
    project: Path, workspace: Any, target: FakeTarget, size: Any, expected: Resources
) -> None:
    spec = planned(project, workspace, vm_size=size, use_gpu=True).spec
    assert (spec.use_gpu, spec.resources) == (True, expected)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (
            {"vm_size": "NC7"},
            "vm_size='NC7' is not a known machine size; did you mean Standard_NC6",
        ),
        ({"vm_priority": "spot"}, "vm_priority='spot' is not known; give 'dedicated' or 'lowprior"),
        ({"vm_priority": 1}, "vm_priority=1 is not known"),
    ],
)
def test_what_is_not_known_is_refused(
    project: Path, workspace: Any, asked: dict[str, Any], text: str
) -> None:
    with pytest.raises(UserErrorException, match=re.escape(text)):
        planned(project, workspace, **asked)


@pytest.mark.usefixtures("target")
def test_the_size_of_a_pool_counts(project: Path, workspace: Any) -> None:
    pool(workspace, vm_size="STANDARD_NC12", vm_priority="lowpriority")
    found = planned(project, workspace, target="fake")
    assert (found.spec.vm_size, found.spec.resources) == ("Standard_NC12", NC12)
    assert (found.spec.vm_priority, found.notices) == ("lowpriority", ())
    same = planned(project, workspace, target="fake", vm_size="nc12", vm_priority="dedicated")
    assert (same.spec.vm_priority, same.notices) == ("dedicated", ())
    other = planned(project, workspace, target="fake", vm_size="D1")
    assert other.spec.resources == NC12
    assert other.notices == (
        "vm_size='D1' has no effect: the nodes of 'fake' are of size Standard_NC12",
    )


@pytest.mark.usefixtures("target")
def test_a_pool_that_cannot_be_read(project: Path, workspace: Any) -> None:
    pool(workspace)
    (Path(workspace.directory.path) / "computes/fake.json").write_text("{")
    with pytest.raises(
        ComputeTargetException, match=r"compute target 'fake' cannot be read: .*JSON"
    ):
        planned(project, workspace, target="fake")


def test_a_target_may_say_something_of_a_run(
    project: Path, workspace: Any, knowing: OfTarget
) -> None:
    assert planned(project, workspace, vm_size="NC6").notices[-1] == "seen Standard_NC6"


# No GPU


def test_a_missing_gpu_is_an_error(project: Path, workspace: Any, knowing: OfTarget) -> None:
    text = f"compute target 'local' cannot run this: use_gpu: {NO_GPU}"
    with pytest.raises(ComputeTargetException, match=re.escape(text)):
        planned(project, workspace, use_gpu=True)
    knowing.lacking = ""
    assert planned(project, workspace, use_gpu=True).spec.use_gpu is True


FELL_BACK = "use_gpu=True, but the run uses the CPU: there is none"


@pytest.mark.parametrize("by", ["variable", "file", "target"])
def test_the_cpu_may_be_used_instead(  # noqa: PLR0917
    project: Path,
    workspace: Any,
    knowing: OfTarget,
    by: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    if by == "variable":
        monkeypatch.setenv("RUNYARD_GPU_FALLBACK", "1")
    elif by == "file":
        (tmp_path / "config.toml").write_text("gpu_fallback = true\n")
        monkeypatch.setenv("RUNYARD_CONFIG", str(tmp_path / "config.toml"))
    else:
        pool(workspace, gpu="fallback")
    found = planned(project, workspace, target="fake", use_gpu=True, vm_size="NC12")
    assert (found.spec.use_gpu, found.spec.resources) == (False, NC12)
    assert [notice for notice in found.notices if "use_gpu" in notice] == [FELL_BACK]
    assert planned(project, workspace, target="fake", use_gpu=True).spec.resources is None
    knowing.lacking = ""
    found = planned(project, workspace, target="fake", use_gpu=True)
    assert (found.spec.use_gpu, found.spec.resources) == (True, Resources(gpus=1))
    assert not any("use_gpu" in notice for notice in found.notices)


def test_what_only_the_check_knows_may_fall_back_too(
    project: Path, workspace: Any, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target without a word of its own, or an engine that hands no GPU to a container."""
    monkeypatch.setattr(
        target, "check", lambda spec: [Problem("use_gpu", NO_GPU)] if spec.use_gpu else []
    )
    with pytest.raises(ComputeTargetException, match=NO_GPU):
        planned(project, workspace, use_gpu=True)
    monkeypatch.setenv("RUNYARD_GPU_FALLBACK", "1")
    found = planned(project, workspace, use_gpu=True)
    assert (found.spec.use_gpu, found.spec.resources) == (False, None)
    assert found.notices[-1] == FELL_BACK


def test_other_problems_are_not_left_out(
    project: Path, workspace: Any, knowing: OfTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_GPU_FALLBACK", "1")
    knowing.problems = [Problem("node_count", "too many")]
    with pytest.raises(ComputeTargetException, match=r"cannot run this: node_count: too many\Z"):
        planned(project, workspace, use_gpu=True)


def test_a_rerun_asks_for_the_same(
    project: Path, experiment: Experiment, knowing: OfTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    knowing.lacking = ""
    config = ScriptRunConfig(project, "train.py")
    config.run_config.use_gpu = True
    experiment.submit(config)
    [run] = runs_of(experiment)
    assert resubmit(run, {}).id != run.id
    assert knowing.record["spec"]["use_gpu"]
    knowing.lacking = NO_GPU
    with pytest.raises(ComputeTargetException, match=NO_GPU):
        resubmit(run, {})
    monkeypatch.setenv("RUNYARD_GPU_FALLBACK", "1")
    resubmit(run, {})
    assert not knowing.record["spec"]["use_gpu"]
    assert knowing.record["notices"][-1] == FELL_BACK


def test_a_configuration_that_asks_is_written_and_read_again(tmp_path: Path) -> None:
    from runyard.config.run_configuration import RunConfiguration

    made = RunConfiguration()
    assert "useGpu" not in made.to_dict()
    made.use_gpu = True
    assert RunConfiguration.load(made.save(tmp_path / "a.runconfig")).use_gpu is True


def test_a_run_of_an_older_version_asks_for_nothing() -> None:
    import msgspec

    from runyard.testing import runs

    new = ("vm_size", "vm_priority", "resources", "use_gpu")
    old = {name: value for name, value in runs.spec().items() if name not in new}
    spec = msgspec.convert(old, JobSpec)
    assert (spec.vm_size, spec.resources, spec.use_gpu) == (None, None, False)
    assert resources.without_gpu(spec) == spec
