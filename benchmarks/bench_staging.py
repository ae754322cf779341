"""What data costs a run before the first line of its script.

A mount of a folder of this machine takes no work per file: one of 100,000 is within the same
budget as one of 10, as a data reference and as a dataset.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import Measure, report
from runyard import Datastore, Environment, Experiment, ScriptRunConfig, Workspace
from runyard.job.datasets.api import Dataset

SCRIPT = "import time; print(time.time(), flush=True)"
REPEATS = 15
FEW, MANY = 10, 100_000
BUDGET_MS = 60.0
BUDGET_RATIO = 1.2


def main() -> dict[str, object]:
    """Times in milliseconds (medians of 15)."""
    with tempfile.TemporaryDirectory(prefix="bench-staging-") as name:
        folder = Path(name)
        (folder / "source").mkdir()
        (folder / "source/hello.py").write_text(SCRIPT)
        workspace = Workspace.create("bench", path=str(folder))
        experiment = Experiment(workspace, "bench")
        configs = {"none": _config(folder / "source")}
        for count in (FEW, MANY):
            store = Datastore.register(workspace, f"files_{count}", _files(folder, count))
            dataset = Dataset.File.from_files((store, "**")).as_named_input("x").as_mount()
            configs[f"reference {count}"] = _config(folder / "source", store.as_mount())
            configs[f"dataset {count}"] = _config(folder / "source", dataset)
        found = _medians(experiment, configs)
    ratios = {
        kind: round(found[f"{kind} {MANY}"] / found[f"{kind} {FEW}"], 2)
        for kind in ("reference", "dataset")
    }
    return report(
        [
            Measure(
                "first line with 100,000 files mounted", found[f"reference {MANY}"], BUDGET_MS, "ms"
            ),
            Measure("the same beside a mount of 10 files", ratios["reference"], BUDGET_RATIO),
            Measure("a dataset of 100,000 files beside 10", ratios["dataset"], BUDGET_RATIO),
        ],
        milliseconds=found,
    )


def _files(folder: Path, count: int) -> Path:
    top = folder / f"files-{count}"
    top.mkdir()
    for number in range(count):
        (top / f"{number}.txt").touch()
    return top


def _config(source: Path, *arguments: Any) -> ScriptRunConfig:
    environment = Environment("current")
    environment.python.user_managed_dependencies = True
    return ScriptRunConfig(
        str(source),
        script="hello.py",
        arguments=list(arguments),
        compute_target="local",
        environment=environment,
    )


def _medians(experiment: Experiment, configs: dict[str, ScriptRunConfig]) -> dict[str, float]:
    """In turns, so that what else the machine does is in all of them."""
    times: dict[str, list[float]] = {name: [] for name in configs}
    for _ in range(REPEATS + 1):
        for name, config in configs.items():
            times[name].append(_first_line_ms(experiment, config))
    return {name: round(statistics.median(found[1:]), 1) for name, found in times.items()}


def _first_line_ms(experiment: Experiment, config: ScriptRunConfig) -> float:
    begun = time.time()
    run = experiment.submit(config)
    run.wait_for_completion()
    lines = Path(run.directory.std_log).read_text().splitlines()
    return (float(lines[-1]) - begun) * 1000


if __name__ == "__main__":
    import json

    print(json.dumps(main(), indent=1))
