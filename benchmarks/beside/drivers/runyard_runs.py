"""runyard: runs that are started, and waited for when they have been told to end."""

from typing import Any

from benchmarks.beside.drivers.serving import serve
from runyard import AmlCompute, Environment, Experiment, Run, ScriptRunConfig, Workspace

_workspace = Workspace.create("bench", path="workspace")
_experiment = Experiment(_workspace, "bench")
_environment = Environment("current")
_environment.python.user_managed_dependencies = True
AmlCompute.create(_workspace, "pool", AmlCompute.provisioning_configuration(max_nodes=2))
_runs: list[Run] = []


def answer(action: str, count: int = 0, target: str = "local") -> dict[str, Any]:
    """``start`` so many, or ``wait`` for all."""
    config = ScriptRunConfig(
        "source", "sleeper.py", compute_target=target, environment=_environment
    )
    _runs.extend(_experiment.submit(config) for _ in range(count))
    while action == "wait" and _runs:
        _runs.pop().wait_for_completion()
    return {}


if __name__ == "__main__":
    serve(answer)
