"""A disk that is full at any moment: what was there stays whole, and nothing half is left.

RUNYARD_TEST_FULL_DISKS=N: fill the disk up at N moments of a submit, not at every fourth of 80.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runyard.data.datastore import Datastore
from runyard.history.experiment import Experiment
from runyard.history.workspace import Workspace
from runyard.job.datasets.api import Dataset
from runyard.record import jsonl
from runyard.record.events import EventLog, read_state
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.metrics import MetricWriter, read_metrics
from runyard.record.notes import NoteWriter, read_notes
from runyard.record.states import Reason, Status
from runyard.testing import runs
from tests.faults import laws
from tests.faults.commands import typed
from tests.requirements import small_disk

PAGE = 4096
MOMENTS = int(os.environ.get("RUNYARD_TEST_FULL_DISKS", "20"))


class Disk:
    """A file system of 4 MiB."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, free_pages: int = 0) -> None:
        """Leave only so much room."""
        self.empty()
        pages = os.statvfs(self.path).f_bavail - free_pages
        self._filler.write_bytes(bytes(pages * PAGE))

    def empty(self) -> None:
        """Make room again."""
        self._filler.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk", "4m") as path:
        yield Disk(path)


@pytest.fixture
def project(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a workspace, on the small disk; the current one."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    folder = disk.path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "train.py").write_text("print('trained')\n")
    assert typed("init", "tests").code == 0
    return folder


def submit(*words: object) -> Any:
    return typed("submit", "--user-managed", "-e", "exp", "--json", *words, "train.py")


@pytest.mark.parametrize("free_pages", range(0, 80, max(1, 80 // MOMENTS)))
def test_a_disk_that_fills_up_during_a_submit(disk: Disk, project: Path, free_pages: int) -> None:
    """The run is there and ends as it does, or the sentence says what to do and nothing is."""
    workspace = WorkspaceDirectory(str(project / ".runyard"))
    disk.fill(free_pages)
    said = submit()
    disk.empty()
    told = [json.loads(said.out)["run_id"]] if said.code == 0 else []
    if said.code != 0:
        assert said.code == 2
        assert "make room" in said.err, said.err
    laws.settle(workspace)
    laws.hold(workspace, said=told)
    found = {run.id: read_state(run).reason for run in laws.runs(workspace)}
    assert list(found) == told
    assert set(found.values()) <= {Reason.COMPLETED, Reason.LAUNCH_FAILED}
    again = submit("-f")
    assert again.code == 0, again.err


def test_on_a_full_disk_what_is_there_can_be_read_and_nothing_is_half_written(
    disk: Disk, project: Path, tmp_path: Path
) -> None:
    (project / "train.py").write_text(
        "from runyard import Run\nrun = Run.get_context()\nrun.log('loss', 0.5)\n"
        "open('outputs/a.txt', 'w').write('A')\nprint('trained')\n"
    )
    run = json.loads(submit("-f").out)["run_id"]
    workspace = Workspace.at(project)
    store = Datastore.register(workspace, "photos", project)
    Dataset.File.from_files((store, "train.py")).register(workspace, "photos")
    disk.fill()
    before = _records(project)
    for words in (
        *(["runs"], ["show", run], ["logs", run], ["metrics", run], ["files", run]),
        *(["models"], ["datastore", "list"], ["dataset", "list"], ["compute", "list"]),
        *(["reindex"], ["cancel", run], ["download", run, "-o", tmp_path / "got"]),
    ):
        said = typed(*words)
        assert said.code == 0, (words, said.err)
    assert (tmp_path / "got/outputs/a.txt").read_text() == "A"
    for words in (
        ["compute", "create", "pool", "--max-nodes", "2"],
        ["datastore", "register", "others", project],
        ["dataset", "register", "more", "photos:train.py"],
        ["download", run, "-o", disk.path / "got"],
        ["rerun", run],
    ):
        said = typed(*words)
        assert (said.code, "make room" in said.err.lower()) == (2, True), (words, said)
    experiment = Experiment(workspace, "exp")
    found = next(iter(experiment.get_runs()))
    for change in (
        lambda: experiment.tag("a", "b" * PAGE),
        lambda: found.register_model("net", "outputs/a.txt"),
    ):
        disk.fill()  # commands that fail give pages back
        with pytest.raises(OSError, match="No space left"):
            change()
    assert _records(project) == before
    assert not [path for path in (disk.path / "got").rglob("*") if path.is_file()]
    disk.empty()
    laws.hold(WorkspaceDirectory(workspace.path), said=[run])


def _records(project: Path) -> dict[str, bytes]:
    """Everything in the workspace but the index, which is only a copy, and files to be locked."""
    found = [path for path in project.rglob("*") if path.is_file() and path.name != "lock"]
    return {str(path): path.read_bytes() for path in found if "index.db" not in path.name}


@pytest.fixture
def run(disk: Disk) -> RunDirectory:
    return runs.make_run(runs.workspace(disk.path))


def test_no_line_is_glued_to_another_when_the_disk_fills_up_between_them(
    disk: Disk, run: RunDirectory
) -> None:
    """Of metrics, notes and events those are there whose call returned, and no other."""
    metrics, notes, events = MetricWriter(run), NoteWriter(run), EventLog(run)
    writers: dict[str, Callable[[str], None]] = {
        "metrics": lambda text: metrics.scalar("m", text),
        "notes": lambda text: notes.write("child", None, text),
        "events": lambda text: events.status(Status.RUNNING, text=text),
    }
    kept: dict[str, list[Any]] = {"metrics": [], "notes": [], "events": []}
    failed = 0
    for round_ in range(12):
        disk.fill(round_ % 3)
        for number in range(300):
            value = round_ * 1000 + number
            text = f"{value}-" + "x" * (37 * value % 500)
            for name, write in writers.items():
                try:
                    write(text)
                    kept[name].append(text)
                except OSError:
                    failed += 1
        disk.empty()
    assert failed > 1000, "the disk was never full"
    problems: list[str] = []
    assert read_metrics(run, "m", problems)["m"] == kept["metrics"]
    assert read_notes(run, {}, problems).children == kept["notes"]
    assert [e["detail"]["text"] for e in read_state(run, problems).events] == kept["events"]
    assert problems == []


@pytest.mark.parametrize("rest", ['{"t": 1.0, "n": "m"', "{", '{"t":1,"n":"m","v":1}', "\0" * 100])
def test_no_line_is_glued_to_what_a_killed_writer_has_left(run: RunDirectory, rest: str) -> None:
    """Whole lines before it stay; the rest is dropped, although it may look whole."""
    for line in ('{"t":1,"n":"m","v":1}\n', ""):
        path = Path(run.metrics, "one.jsonl")
        path.write_text(line + rest)
        problems: list[str] = []
        assert len(jsonl.read(str(path), problems)) == line.count("\n")
        writer = jsonl.Appender(str(path))
        writer.append({"t": 2, "n": "m", "v": 2})
        writer.close()
        assert path.read_text() == line + '{"t":2,"n":"m","v":2}\n'
        assert problems == []
