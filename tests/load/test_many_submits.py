"""A thousand runs through a pool of two nodes: each once, two at a time, and nothing is left."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runyard import AmlCompute, ComputeTarget, Experiment, Workspace
from runyard.computes import pool_private
from runyard.computes.pool_folder import PoolFolder
from runyard.record import events
from tests.descriptors import descriptors
from tests.faults import laws, submitting
from tests.load.sizes import peak_mb, size

RUNS = size(24, 1_000)
NODES = 2
RUNNER_MB = 30
AHEAD = 200
"""Runs that wait at once, at most: a user's script submits as fast as it can, in batches."""
SCRIPT = """
import os, sys, time
with open(sys.argv[1], "a") as file:
    file.write(sys.argv[2] + " begins\\n")
    file.flush()
    time.sleep(0.02)  # two scripts that are there at once are to be seen
    file.write(sys.argv[2] + " ends\\n")
"""


@pytest.fixture
def workspace(folder: Path) -> Iterator[Workspace]:
    made = Workspace.create("busy", path=folder)
    settings = AmlCompute.provisioning_configuration(min_nodes=0, max_nodes=NODES)
    ComputeTarget.create(made, "pool", settings)
    yield made
    pool_private.sweep(str(PoolFolder(made.directory, "pool").path), ())


def test_each_runs_once(workspace: Workspace, folder: Path) -> None:
    code, told = submitting.source(folder / "code", SCRIPT), folder / "told"
    left = Left(folder)
    began, said, runner_mb = time.perf_counter(), [], 0.0
    for number in range(RUNS):
        config = submitting.configured(code, str(told), number, compute_target="pool")
        said.append(Experiment(workspace, "exp").submit(config).id)
        if number % 20 == 0:
            runner_mb = max(runner_mb, *memory_of_runners(workspace))
        while number - ended(told) > AHEAD:
            time.sleep(0.1)
    submitted_s = time.perf_counter() - began
    laws.settle(workspace.directory, 1_200)
    print(f"\n{RUNS} runs: {submitted_s:.0f} s to submit, ", end="")
    print(f"{time.perf_counter() - began:.0f} s to the end of the last, runner {runner_mb:.0f} MB")
    assert runner_mb < RUNNER_MB
    laws.hold(workspace.directory, said=said)
    assert len(said) == len(set(said)) == RUNS
    states = [events.read_state(workspace.directory.run("exp", run_id)) for run_id in said]
    assert {state.status.value for state in states} == {"Completed"}
    assert each_once_and_never_more_than(NODES, told.read_text().splitlines())
    left.nothing()


def ended(told: Path) -> int:
    return told.read_text().count("ends") if told.exists() else 0


def memory_of_runners(workspace: Workspace) -> Iterator[float]:
    yield 0.0
    for pid, _ in laws.processes(workspace.directory):
        try:
            if b"runner" in Path(f"/proc/{pid}/cmdline").read_bytes():
                yield peak_mb(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue


def each_once_and_never_more_than(most: int, lines: list[str]) -> bool:
    going: set[str] = set()
    begun: list[str] = []
    for line in lines:
        number, what = line.split()
        if what == "begins":
            begun.append(number)
            going.add(number)
            assert len(going) <= most, line
        else:
            going.remove(number)
    return sorted(map(int, begun)) == [*range(RUNS)] and not going


class Left:
    """Descriptors and threads of this process, temporary files of everybody: as they were."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before = self._now()

    def _now(self) -> tuple[set[tuple[str, str]], set[str]]:
        return descriptors(), set(os.listdir("/proc/self/task"))

    def nothing(self) -> None:
        # The index is open for as long as its workspace is: its file and its log.
        (files, threads), (files_before, threads_before) = self._now(), self._before
        assert len(files - files_before) <= 4, files
        assert threads <= threads_before  # those of a test before this one may end meanwhile
        leftover = [path for path in self._folder.rglob("*.tmp") if path.is_file()]
        assert leftover == []
