"""A submission that is ended at each of its steps: run.json is written while sbatch works."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from runyard import ComputeTarget, Environment, Experiment, Run, ScriptRunConfig, Workspace
from runyard.computes.slurm.compute import SlurmCompute
from runyard.errors import ExperimentExecutionException, UserErrorException
from runyard.history import leftovers
from runyard.record import creation, owner
from runyard.record.layout import RunDirectory
from tests.slurm_cluster import SlurmCluster

DIES = """
import importlib, os, signal, sys
from tests.computes.slurm import test_submitting as own
from pathlib import Path

place, when, folder = sys.argv[1:]
module, _, name = place.rpartition(".")
found = importlib.import_module(module)
real = getattr(found, name)
before = own.jobs()

def dies(*arguments, **named):
    if when == "after":
        real(*arguments, **named)
    if name not in ("make_folder", "_script"):
        own.wait_for_one_beside(before)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(found, name, dies)
own.submitted(Path(folder))
"""

STEPS = [
    ("runyard.record.creation.make_folder", "after", None),
    ("runyard.computes.slurm.submitting._script", "after", None),
    ("runyard.computes.slurm.submitting._keep", "after", None),
    ("runyard.computes.slurm.submitting._say_queued", "after", None),
    ("runyard.record.creation.fill", "before", None),
    ("runyard.record.creation.fill", "after", "Completed"),
    ("runyard.history.reconcile.keep", "after", "Completed"),
    ("runyard.computes.slurm.jobs.write", "before", "Completed"),
    ("runyard.computes.slurm.jobs.write", "after", "Completed"),
]
"""Where the submitter is killed, and what becomes of the run; None: there is none."""


def jobs() -> set[bytes]:
    """All that the cluster knows, also of other tests."""
    command = ["squeue", "--noheader", "--states=all", "--format=%i"]
    return set(subprocess.run(command, capture_output=True, check=True).stdout.split())


def wait_for_one_beside(before: set[bytes]) -> None:
    """Until sbatch, which works beside, has been heard."""
    while jobs() <= before:
        pass


def submitted(folder: Path, run_id: str | None = None) -> Run:
    workspace = Workspace.create("tests", path=str(folder / "ws"), exist_ok=True)
    if "hpc" not in workspace.compute_targets:
        ComputeTarget.attach(workspace, "hpc", SlurmCompute.attach_configuration())
    source = folder / "source"
    source.mkdir(exist_ok=True)
    (source / "train.py").write_text("print('trained')\n")
    environment = Environment("current")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = sys.executable
    config = ScriptRunConfig(str(source), "train.py", compute_target="hpc", environment=environment)
    return Experiment(workspace, "exp").submit(config, run_id=run_id)


def runs_of(folder: Path) -> list[Run]:
    workspace = Workspace.create("tests", path=str(folder / "ws"), exist_ok=True)
    return list(Experiment(workspace, "exp").get_runs())


def folders_of(folder: Path) -> list[RunDirectory]:
    place = Workspace.create("tests", path=str(folder / "ws"), exist_ok=True).directory
    names = os.listdir(os.path.join(place.runs, "exp"))
    return [place.run("exp", name) for name in names]


def idle(slurm: SlurmCluster) -> bool:
    return slurm.ask("squeue", "--noheader") == ""


@pytest.mark.parametrize(("place", "when", "becomes"), STEPS)
def test_a_submitter_that_is_killed(
    slurm: SlurmCluster, tmp_path: Path, place: str, when: str, becomes: str | None
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DIES, place, when, str(tmp_path)],
        cwd=Path(__file__).parents[3],
        env={**os.environ, **slurm.environment},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    slurm.wait_until(lambda: idle(slurm), "no job is left")
    [folder] = folders_of(tmp_path)
    assert not owner.is_held(folder.lock)
    found = runs_of(tmp_path)
    assert [run.get_status() for run in found] == ([becomes] if becomes else [])
    if place.endswith("fill") and not becomes:
        said = f"runyard: {folder.id} was never submitted whole: there is nothing to run\n"
        assert Path(folder.slurm_log).read_text() == said
        assert not Path(folder.runner_log).exists()
    later = time.time() + 7200  # as gc looks at it when it is old
    group = leftovers.collect(folder.workspace, remove=True, now=later, grace_s=0)
    assert (group.count, group.kept) == (0 if becomes else 1, [])
    assert Path(folder.path).exists() == bool(becomes)


def test_a_run_that_cannot_be_written_takes_its_job_back(
    slurm: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted(tmp_path).wait_for_completion(show_output=False)

    before = jobs()

    def full(*_: Any) -> None:
        wait_for_one_beside(before)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(creation, "fill", full)
    with pytest.raises(ExperimentExecutionException, match="No space left on device"):
        submitted(tmp_path)
    slurm.wait_until(lambda: idle(slurm), "no job is left")
    assert [run.get_status() for run in runs_of(tmp_path)] == ["Completed"]
    assert len(folders_of(tmp_path)) == 1


def test_a_job_that_is_refused_keeps_its_run(
    slurm: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    refuses = tmp_path / "bin" / "sbatch"
    refuses.write_text("#!/bin/sh\necho 'sbatch: error: no more jobs' >&2\nexit 1\n")
    submitted(tmp_path).wait_for_completion(show_output=False)
    refuses.chmod(0o755)
    monkeypatch.setenv("PATH", f"{refuses.parent}:{os.environ['PATH']}")
    with pytest.raises(ExperimentExecutionException, match="sbatch failed: no more jobs"):
        submitted(tmp_path)
    assert sorted(run.get_status() for run in runs_of(tmp_path)) == ["Completed", "Failed"]


def test_a_submission_that_is_refused_starts_no_job_and_leaves_no_process(
    slurm: SlurmCluster, tmp_path: Path
) -> None:
    submitted(tmp_path, run_id="one").wait_for_completion(show_output=False)
    slurm.wait_until(lambda: idle(slurm), "its job has ended, too")
    with pytest.raises(UserErrorException, match="run one exists already"):
        submitted(tmp_path, run_id="one")
    assert "sbatch" not in [child.name() for child in psutil.Process().children()]
    assert idle(slurm)
    assert [run.id for run in runs_of(tmp_path)] == ["one"]
