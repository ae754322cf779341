"""runyard: many runs through a pool of two nodes of this machine."""

from pathlib import Path
from typing import Any

from benchmarks.beside.drivers.serving import clock, serve
from runyard import AmlCompute, Environment, Experiment, ScriptRunConfig, Workspace

_workspace = Workspace.create("bench", path=".")
_experiment = Experiment(_workspace, "bench")
_environment = Environment("current")
_environment.python.user_managed_dependencies = True
AmlCompute.create(_workspace, "pool", AmlCompute.provisioning_configuration(max_nodes=2))
_config = ScriptRunConfig("source", "hello.py", compute_target="pool", environment=_environment)


def work(count: int) -> dict[str, Any]:
    """Submit so many and wait for all."""
    begun = clock()
    runs = [_experiment.submit(_config) for _ in range(count)]
    for run in runs:
        run.wait_for_completion()
    seconds = clock() - begun
    return {"seconds": seconds, "logs": [Path(run.directory.std_log).read_text() for run in runs]}


if __name__ == "__main__":
    serve(work)
