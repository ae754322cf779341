"""From ``submit()`` to the first line of the script, warm and from a cold command line.

Budgets: 60 ms warm, 250 ms cold, 20 MB for the runner of a run. Beside them: a bare interpreter
printing the same line.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Measure, report
from runyard import AmlCompute, Environment, Experiment, Run, ScriptRunConfig, Workspace

SCRIPT = "import time; print(time.time(), flush=True)"
SLEEPER = SCRIPT + "; time.sleep(60)"
REPEATS = 15
BUDGET_WARM_MS = 60.0
BUDGET_COLD_MS = 250.0
BUDGET_RUNNER_MB = 20.0


def main() -> dict[str, object]:
    """Times in milliseconds (medians of 15), resident memory in MB."""
    with tempfile.TemporaryDirectory(prefix="bench-submit-") as name:
        folder = Path(name)
        source = folder / "source"
        source.mkdir()
        (source / "hello.py").write_text(SCRIPT)
        (source / "sleep.py").write_text(SLEEPER)
        workspace = Workspace.create("bench", path=str(folder))
        AmlCompute.create(workspace, "pool", AmlCompute.provisioning_configuration(max_nodes=2))
        experiment = Experiment(workspace, "bench")
        bare = _median(_bare)
        warm = _median(lambda: _warm(experiment, source))
        pooled = _median(lambda: _warm(experiment, source, "pool"))
        cold = _median(lambda: _cold(folder, source))
        runner_mb = _runner_mb(experiment, source)
    return report(
        [
            Measure("submit() to the first line", warm, BUDGET_WARM_MS, "ms"),
            Measure("the same to a free pool", pooled, BUDGET_WARM_MS, "ms"),
            Measure("runyard submit to the first line", cold, BUDGET_COLD_MS, "ms"),
            Measure("memory of a supervised run", runner_mb, BUDGET_RUNNER_MB, "MB"),
        ],
        bare_interpreter_ms=bare,
    )


def _median(measure: Callable[[], float]) -> float:
    measure()  # caches, compiled files
    return round(statistics.median(measure() for _ in range(REPEATS)), 1)


def _bare() -> float:
    begun = time.time()
    output = subprocess.run([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE).stdout
    return (float(output) - begun) * 1000


def _warm(experiment: Experiment, source: Path, target: str = "local") -> float:
    begun = time.time()
    run = experiment.submit(_config(source, "hello.py", target))
    return _first_line_ms(run, begun)


def _config(source: Path, script: str, target: str = "local") -> ScriptRunConfig:
    environment = Environment("current")
    environment.python.user_managed_dependencies = True
    return ScriptRunConfig(
        str(source), script=script, compute_target=target, environment=environment
    )


def _first_line_ms(run: Run, begun: float) -> float:
    run.wait_for_completion()
    return (float(Path(run.directory.std_log).read_text()) - begun) * 1000


def _cold(folder: Path, source: Path) -> float:
    program = os.path.join(os.path.dirname(sys.executable), "runyard")
    argv = [program, "submit", "--user-managed", "--follow", "--source", str(source)]
    begun = time.time()
    output = subprocess.run([*argv, "hello.py"], cwd=folder, capture_output=True).stdout
    lines = [line for line in output.decode().splitlines() if line.replace(".", "").isdigit()]
    return (float(lines[0]) - begun) * 1000


def _runner_mb(experiment: Experiment, source: Path) -> float:
    run = experiment.submit(_config(source, "sleep.py"))
    while not Path(run.directory.std_log).exists() or run.get_status() != "Running":
        time.sleep(0.05)
    time.sleep(1.0)  # until the runner has imported what it imports after the start
    pid = json.loads(Path(run.directory.lock).read_text())["pid"]
    status = Path(f"/proc/{pid}/status").read_text()
    run.cancel()
    run.wait_for_completion(raise_on_error=False)
    return round(int(status.partition("VmRSS:")[2].split()[0]) / 1024, 1)
