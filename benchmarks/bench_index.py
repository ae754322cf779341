"""Listing 10,000 runs through the index, the look at every run directory included.

Budget: 100 ms for each list in a warm process.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial

from benchmarks.measure import Measure, report
from runyard.history.index import Index
from runyard.history.index_query import Query
from runyard.record.layout import RunDirectory, WorkspaceDirectory

RUNS = 10_000
EXPERIMENTS = 4
BUDGET_MS = 100.0
REPEATS = 7
CREATED = 1_700_000_000


def main() -> dict[str, object]:
    """Times of each kind of list, the best of 7."""
    folder = tempfile.mkdtemp(prefix="bench-index-")
    try:
        workspace = WorkspaceDirectory(os.path.join(folder, ".runyard"))
        create_s = _timed(lambda: make_runs(workspace, RUNS))
        return _measure(workspace, create_s)
    finally:
        shutil.rmtree(folder)


def _measure(workspace: WorkspaceDirectory, create_s: float) -> dict[str, object]:
    index = Index(workspace)
    build_s = _timed(index.select)
    lists = {
        "all": Query(),
        "with a tag": Query(tags={"lr": "0.1"}),
        "with a status": Query(status="Failed"),
        "newest 20": Query(limit=20),
        "newest 20 of an experiment": Query(experiment="experiment-0", limit=20),
    }
    counts = {name: len(index.select(query)) for name, query in lists.items()}
    times = {name: _best(partial(index.select, query)) for name, query in lists.items()}
    index.close()
    open_s = _timed(Index(workspace).unended)
    return report(
        [
            Measure(f"10,000 runs: {name}", round(seconds * 1000, 1), BUDGET_MS, "ms")
            for name, seconds in times.items()
        ],
        runs=RUNS,
        create_s=round(create_s, 3),
        first_build_s=round(build_s, 3),
        open_workspace_s=round(open_s, 4),
        found=counts,
    )


def _best(action: Callable[[], object]) -> float:
    return min(_timed(action) for _ in range(REPEATS))


def _timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def make_runs(workspace: WorkspaceDirectory, count: int) -> RunDirectory:
    """Directories of ended runs, as a workspace has them after some months; returns the newest."""
    for number in range(count):
        experiment = f"experiment-{number % EXPERIMENTS}"
        run = workspace.run(experiment, f"{experiment}_{CREATED + number}_{number:08x}")
        _make_run(run, number)
    return run


def _make_run(run: RunDirectory, number: int) -> None:
    for folder in ("", *RunDirectory.FOLDERS):
        os.makedirs(run.join(folder))
    created = CREATED + number * 60
    failed = number % 10 == 0
    record = {
        "format": 1,
        "id": run.id,
        "experiment": run.experiment,
        "created": created,
        "type": "azureml.scriptrun",
        "target": "local",
        "tags": {"lr": ("0.1", "0.01", "0.001")[number % 3], "model": "resnet"},
        "properties": {"ContentSnapshotId": "0" * 40, "azureml.git.commit": "0" * 40},
        "spec": {
            "arguments": [f"--n{i}={i}" for i in range(40)],
            "environment": {"key": "e" * 1000},
        },
    }
    events = [
        {"t": created + 1, "status": "Preparing", "detail": {}},
        {"t": created + 2, "status": "Running", "detail": {"pid": 1234}},
        {
            "t": created + 50,
            "status": "Failed" if failed else "Completed",
            "reason": "script_exit_code" if failed else "completed",
            "detail": {"exit_code": int(failed)},
        },
    ]
    notes = [{"t": created + 3, "kind": "tag", "key": "epoch", "value": "9"}]
    _write(run.run_json, json.dumps(record, indent=1))
    _write(run.events, "".join(json.dumps(event) + "\n" for event in events))
    _write(os.path.join(run.notes, "host-1.jsonl"), "".join(json.dumps(n) + "\n" for n in notes))
    _write(run.std_log, "hello\n")
    os.utime(run.path, (created + 50, created + 50))


def _write(path: str, text: str) -> None:
    with open(path, "w") as stream:
        stream.write(text)
