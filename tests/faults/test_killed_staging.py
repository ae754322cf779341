"""SIGKILL at each step of staging: of who copies data in or out, and of the runner meanwhile.

Some steps here; ``RUNYARD_KILLS=1`` (or more) tries all of them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from runyard import Workspace
from runyard.computes import runner_process
from runyard.data.datastore import Datastore
from runyard.data.reference import DataReference
from runyard.record import events
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.states import Reason
from runyard.testing import runs
from tests.faults import dying_runner, kill_points, laws, submitting, sweeps

FILES = {"a.txt": "A" * 5000, "deep/b.txt": "B", "deep/c.txt": ""}
READS = """
import os, sys
top = sys.argv[1]
for folder, _, names in sorted(os.walk(top)):
    for name in sorted(names):
        print(name, len(open(os.path.join(folder, name)).read()))
"""
READ = ["a.txt 5000", "b.txt 1", "c.txt 0"]
WRITES = """
import os
os.makedirs("results/deep")
open("results/a.txt", "w").write("A" * 5000)
open("results/deep/b.txt", "w").write("B")
"""


class Staging:
    """Runs with data, whose runner, or what it forks for the data, may be killed."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, script: str, mode: str) -> None:
        self.place: WorkspaceDirectory = submitting.workspace(folder / "ws")
        self.photos = folder / "photos"
        for name, text in FILES.items():
            (self.photos / name).parent.mkdir(parents=True, exist_ok=True)
            (self.photos / name).write_text(text)
        store = Datastore.register(Workspace.at(self.place), "photos", self.photos)
        taken = DataReference(store, "photos", None, "download")
        left = DataReference(store, "photos", "new", "upload", "results", overwrite=True)
        self._reference = taken if mode == "download" else left
        self._source = submitting.source(folder / "source", script)
        self._patch = patch

    def run(self, **variables: object) -> RunDirectory:
        with self._patch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, str(value))
            if variables:
                own = (sys.executable, dying_runner.__file__)
                patch.setattr(runner_process, "own_program", lambda: own)
            run = submitting.submit(self.place, self._source, self._reference).directory
        laws.settle(self.place)
        return run


def calls(staging: Staging, folder: Path, name: str) -> int:
    run = staging.run(**{kill_points.COUNT_TO: folder / "calls"})
    assert events.read_state(run).reason is Reason.COMPLETED
    return int((folder / name).read_text())


@pytest.mark.parametrize("victim", ["who copies", "runner"])
def test_a_download_killed_at_each_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victim: str
) -> None:
    """The store is as it was, and the next run has its data whole."""
    staging = Staging(tmp_path, monkeypatch, READS, "download")
    runner = victim == "runner"
    count = calls(staging, tmp_path, "calls" if runner else "calls.fork")
    ends = []
    for step in sweeps.steps(count):
        at = {kill_points.AT: step, kill_points.FORKS_AT: 0} if runner else {}
        with laws.untouched(staging.photos):
            killed = staging.run(**(at or {kill_points.FORKS_AT: step}))
            following = staging.run()
        laws.hold(staging.place, [killed.id, following.id], tidy=False)
        state = events.read_state(killed)
        ends.append(state.reason)
        if state.reason is Reason.COMPLETED:
            assert runs.log_of(killed).splitlines()[-3:] == READ, step
        elif state.reason is Reason.DATA_FAILED:
            assert state.detail["error"]["message"] == (
                "the data of the run could not be staged: its process was killed"
            )
        assert events.read_state(following).reason is Reason.COMPLETED, step
        assert runs.log_of(following).splitlines()[-3:] == READ
        assert not os.path.exists(killed.join("data")), f"step {step}: copies are left"
    assert set(ends) <= {Reason.COMPLETED, Reason.RUNNER_LOST if runner else Reason.DATA_FAILED}
    assert len(set(ends)) == 2 or not sweeps.KILLS, ends


@pytest.mark.parametrize("victim", ["who copies", "runner"])
def test_an_upload_killed_at_each_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victim: str
) -> None:
    """What the script has left is there or in its work folder, and no half of a file anywhere."""
    staging = Staging(tmp_path, monkeypatch, WRITES, "upload")
    runner = victim == "runner"
    count = calls(staging, tmp_path, "calls" if runner else "calls.fork")
    for step in sweeps.steps(count):
        at = {kill_points.AT: step, kill_points.FORKS_AT: 0} if runner else {}
        killed = staging.run(**(at or {kill_points.FORKS_AT: step}))
        laws.hold(staging.place, [killed.id], tidy=False)
        state = events.read_state(killed)
        # The witness of the script is a fork of the runner as well.
        other = Reason.RUNNER_LOST if runner else Reason.LAUNCH_FAILED
        assert state.reason in (Reason.COMPLETED, other, Reason.DATA_FAILED), step
        new = staging.photos / "new"
        for name, text in (("a.txt", "A" * 5000), ("deep/b.txt", "B")):
            stored, kept = new / name, Path(killed.work, "results", name)
            assert not stored.exists() or stored.read_text() == text, (step, name)
            if any(event["status"] == "Finalizing" for event in state.events):
                assert stored.exists() or kept.read_text() == text, (step, name)
            assert stored.exists() or state.reason is not Reason.COMPLETED, step
