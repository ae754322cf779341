"""runyard: one script, submitted and waited for in a warm process."""

from pathlib import Path
from typing import Any

from benchmarks.beside.drivers.serving import clock, serve
from runyard import AmlCompute, ComputeTarget, Environment, Experiment, ScriptRunConfig, Workspace
from runyard.computes.slurm.compute import SlurmCompute

_workspace = Workspace.create("bench", path=".")
_experiment = Experiment(_workspace, "bench")
_environment = Environment("current")
_environment.python.user_managed_dependencies = True


def start(target: str) -> dict[str, Any]:
    """``local``, ``pool`` or ``slurm``."""
    if target not in ("local", *_workspace.compute_targets):
        _make(target)
    config = ScriptRunConfig("source", "hello.py", compute_target=target, environment=_environment)
    begun = clock()
    run = _experiment.submit(config)
    submitted = clock()
    run.wait_for_completion()
    completed = clock()
    log = Path(run.directory.std_log).read_text()
    return {"begun": begun, "submitted": submitted, "completed": completed, "log": log}


def _make(target: str) -> None:
    if target == "pool":
        AmlCompute.create(_workspace, target, AmlCompute.provisioning_configuration(max_nodes=2))
    else:
        ComputeTarget.attach(_workspace, target, SlurmCompute.attach_configuration())


if __name__ == "__main__":
    serve(start)
