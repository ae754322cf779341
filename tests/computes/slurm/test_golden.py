"""What reaches Slurm, word by word, for each version that is supported: ``golden/<version>.txt``.

After a change that is meant: ``WRITE_GOLDEN=1 pytest tests/computes/slurm/test_golden.py``,
and read the difference.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from runyard.computes import runner_process
from runyard.computes.slurm import options, steps, submitting, telling
from runyard.computes.slurm.commands import SlurmError
from runyard.computes.slurm.configuration import given_from
from runyard.record import events
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason
from runyard.testing import runs
from tests.computes.slurm.targets import target_of
from tests.slurm_cluster import SlurmCluster

VERSIONS = ("20.02.7", "20.11.9", "22.05.8", "23.11.10", "24.11.5", "25.05.2")
GOLDEN = Path(__file__).with_name("golden")

HOSTILE = "a 'b' \"c\" $(touch hacked) `touch hacked`; touch hacked & | > é 漢 \\ # %j *"


@pytest.mark.parametrize("version", VERSIONS)
def test_what_slurm_is_given(
    version: str, tmp_path: Path, workspace: WorkspaceDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    said = {"srun": f"slurm {version}", "scontrol": "TaskPlugin = task/affinity", "scancel": ""}
    for name, line in said.items():
        (programs / name).write_text(f"#!/bin/sh\necho '{line}'\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    for name, value in _OF_THE_JOB.items():
        monkeypatch.setenv(name, value)
    steps.srun.cache_clear()
    places = {str(programs): "<programs>", sys.executable: "<python>"}
    text = "".join(_submitted(workspace, **settings) for settings in _KINDS)
    text += "\n".join(
        ["", "## on one node", *steps.on_one("n2", "<work>", ["true"], "<run>"), "", "## agent", ""]
    )
    text += Path(steps.agent(str(tmp_path / "agent"), "<run>", 30.0)).read_text()
    steps.srun.cache_clear()
    for path, word in {
        **places,
        runner_process.RUNNER: "<runner>",
        steps._STEP: "<step.sh>",
        steps._END_HERE: "<end_here.py>",
        telling.TELL_HERE: "<tell_here.py>",
    }.items():
        text = text.replace(path, word)

    golden = GOLDEN / f"{version}.txt"
    if os.environ.get("WRITE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


_OF_THE_JOB = {
    "SLURM_JOB_ID": "4711",
    "SLURM_JOB_NUM_NODES": "2",
    "SLURMD_NODENAME": "n1",
    "SLURM_TASK_PID": "42",
}
_KINDS: tuple[dict[str, object], ...] = (
    {"title": "one process"},
    {
        "title": "two nodes with GPUs, preemptible",
        "partition": "gpu",
        "account": "vision",
        "lowpriority_qos": "scavenger",
        "spec": {
            "node_count": 2,
            "processes_per_node": 4,
            "vm_priority": "lowpriority",
            "max_run_duration_s": 3600.0,
            "resources": {"cpus": 8, "memory_bytes": 32 << 30, "gpus": 2},
        },
    },
    {
        "title": "a site with its own ways",
        "modules": ["gcc/12", "cuda/12.4"],
        "prologue": "/shared/site.sh",
        "gpu_option": "gres:a100",
        "memory": False,
        "sbatch_options": ["--hint=nomultithread", "--exclusive"],
        "spec": {"resources": {"cpus": 1, "memory_bytes": 1 << 30, "gpus": 1}},
    },
)


def _submitted(workspace: WorkspaceDirectory, **given: object) -> str:
    """The words of sbatch and the script of one kind of run, its own places left out."""
    settings = dict(given)
    title, changes = settings.pop("title"), settings.pop("spec", {})
    assert isinstance(changes, dict)
    run = runs.make_run(workspace, target="hpc", **changes)
    record = {"name": "hpc", **given_from(settings).record()}
    spec = runs.spec(target="hpc", **changes)
    words = options.command(run, spec, record)
    script = submitting._script(run, spec, record)
    lines = [f"## {title}", "sbatch", *words, "<script>", "", script, ""]
    return "\n".join(lines).replace(run.path, "<run>").replace(run.id, "<id>")


def test_hostile_values_are_inert_on_a_real_cluster(slurm: SlurmCluster, tmp_path: Path) -> None:
    folder = tmp_path / HOSTILE.replace("/", "")
    folder.mkdir()
    prologue = folder / "pro'logue $(touch hacked).sh"
    prologue.write_text("export OF_THE_SITE='seen'\nmodule() { echo module \"$@\"; }\n")
    workspace = runs.workspace(folder)
    target = target_of(
        slurm,
        workspace,
        prologue=str(prologue),
        sbatch_options=[f"--comment={HOSTILE}", f"--mail-user={HOSTILE}"],
    )
    text = "import os, sys; print(sys.argv[1:], os.environ['HOSTILE'], os.environ['OF_THE_SITE'])"
    run = runs.make_run(
        workspace,
        text,
        target="hpc",
        arguments=[HOSTILE],
        environment_variables={"HOSTILE": HOSTILE},
    )
    runs.start(target, run)

    state = runs.finish(run, 60.0)

    assert state.reason is Reason.COMPLETED, state.detail
    assert runs.log_of(run) == f"{[HOSTILE]} {HOSTILE} seen\n"
    assert _hacked(tmp_path) == []
    assert not os.path.exists("hacked")


@pytest.mark.parametrize("name", ["partition", "account", "qos", "constraint", "reservation"])
def test_a_hostile_name_reaches_sbatch_as_one_word(
    slurm: SlurmCluster, workspace: WorkspaceDirectory, tmp_path: Path, name: str
) -> None:
    target = target_of(slurm, workspace, **{name: HOSTILE})
    run = runs.make_run(workspace, "print('ran')", target="hpc")
    if name in ("account", "qos"):  # without accounting nobody looks at them
        runs.start(target, run)
        assert runs.finish(run, 60.0).reason is Reason.COMPLETED
    else:
        with pytest.raises(SlurmError, match="sbatch failed"):
            runs.start(target, run)
    assert _hacked(tmp_path) == []


def _hacked(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("hacked*")]


def test_events_of_a_submitted_run_name_its_target(
    slurm: SlurmCluster, workspace: WorkspaceDirectory
) -> None:
    run = runs.make_run(workspace, "print('ran')", target="hpc")
    runs.start(target_of(slurm, workspace), run)
    runs.finish(run, 60.0)
    first = events.read_state(RunDirectory(run.path)).events[0]
    assert (first["status"], first["detail"]["target"]) == ("Queued", "hpc")
