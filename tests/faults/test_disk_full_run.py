"""Every method of a ``Run`` that writes, on a full disk, says what was not written and where."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runyard.errors import RunWriteException, RunyardError
from runyard.history.experiment import Experiment
from runyard.history.workspace import Workspace
from runyard.job import context
from runyard.record.layout import WorkspaceDirectory
from runyard.testing import runs
from tests.faults import laws
from tests.faults.test_disk_full import PAGE, Disk
from tests.requirements import small_disk

JOB_PATH = Path(context.__file__).parent / "path"
ADVICE = "Make room (runyard gc shows what nothing needs), and do it again"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk", "4m") as path:
        yield Disk(path)


@pytest.fixture
def workspace(disk: Disk) -> Workspace:
    return Workspace.create("tests", path=disk.path)


class Plot:
    """As much of a figure as `log_image` needs."""

    def savefig(self, stream: Any, format: str) -> None:
        stream.write(b"\x89PNG\r\n\x1a\n" + bytes(PAGE))


LONG = "x" * PAGE
TABLE = {"schema_type": "confusion_matrix", "data": LONG}
METHODS: dict[str, tuple[Callable[[Any, Path], object], str]] = {
    "log": (lambda run, _: run.log("loss", LONG), "metric 'loss' of run RUN was not logged"),
    "log_list": (lambda run, _: run.log_list("l", [LONG]), "metric 'l' of run RUN was not logged"),
    "log_row": (lambda run, _: run.log_row("r", a=LONG), "metric 'r' of run RUN was not logged"),
    "log_table": (
        lambda run, _: run.log_table("t", {"a": [LONG]}),
        "metric 't' of run RUN was not logged",
    ),
    "log_image": (
        lambda run, _: run.log_image("i", plot=Plot()),
        r"file 'i_\d+.png' was not stored with run RUN",
    ),
    "log_confusion_matrix": (
        lambda run, _: run.log_confusion_matrix("c", TABLE),
        "file 'c' was not stored with run RUN",
    ),
    "tag": (lambda run, _: run.tag("a", LONG), "tag 'a' of run RUN was not noted"),
    "set_tags": (lambda run, _: run.set_tags({"b": LONG}), "tag 'b' of run RUN was not noted"),
    "remove_tags": (
        lambda run, _: run.remove_tags("old" + LONG),
        "untag 'old" + LONG + "' of run RUN was not noted",
    ),
    "add_properties": (
        lambda run, _: run.add_properties({"p": LONG}),
        "property 'p' of run RUN was not noted",
    ),
    "display_name": (
        lambda run, _: setattr(run, "display_name", LONG),
        "display_name of run RUN was not noted",
    ),
    "description": (
        lambda run, _: setattr(run, "description", LONG),
        "description of run RUN was not noted",
    ),
    "upload_file": (
        lambda run, source: run.upload_file("outputs/big", str(source)),
        "file 'outputs/big' was not stored with run RUN",
    ),
    "upload_files": (
        lambda run, source: run.upload_files(["big"], [str(source)]),
        "file 'big' was not stored with run RUN",
    ),
    "upload_folder": (
        lambda run, source: run.upload_folder("more", str(source.parent)),
        "file 'more/big' was not stored with run RUN",
    ),
    "register_model": (
        lambda run, _: run.register_model("net", "outputs/kept"),
        "model 'net' was not registered",
    ),
    "child_run": (lambda run, _: run.child_run(LONG), "no run was made in experiment 'exp'"),
    "create_children": (
        lambda run, _: run.create_children(tag_key="k", tag_values=[LONG]),
        "no run was made in experiment 'exp'",
    ),
    "download_file": (
        lambda run, source: run.download_file("outputs/kept", str(source.parents[1] / "disk/got")),
        r"'\S+outputs/kept' was not copied",
    ),
    "restore_snapshot": (
        lambda run, source: run.restore_snapshot(path=str(source.parents[1] / "disk/s.zip")),
        "the snapshot of RUN was not written",
    ),
}


@pytest.mark.parametrize("method", METHODS)
def test_a_method_that_cannot_write_says_what_was_not_written(
    workspace: Workspace, disk: Disk, tmp_path: Path, method: str
) -> None:
    call, text = METHODS[method]
    source = tmp_path / "source/big"
    source.parent.mkdir()
    source.write_bytes(os.urandom(3 * PAGE))
    run = Experiment(workspace, "exp").start_logging(snapshot_directory=str(source.parent))
    run.upload_file("outputs/kept", str(source))
    disk.fill()
    before = set(disk.path.rglob("*"))
    with pytest.raises(RunWriteException, match="^" + text.replace("RUN", run.id)) as raised:
        call(run, source)
    error = raised.value
    assert isinstance(error, RunyardError)
    assert (error.errno, error.strerror) == (errno.ENOSPC, "No space left on device")
    assert f": No space left on device: {error.filename!r}. 0 MiB are free there. " in str(error)
    assert str(error).endswith(ADVICE)
    assert str(error.filename).startswith(str(disk.path))
    left = {p for p in set(disk.path.rglob("*")) - before if p.is_file() and p.stat().st_size}
    assert left == set()
    disk.empty()
    call(run, source)
    for child in run.get_children():
        child.complete()
    run.complete()
    laws.settle(WorkspaceDirectory(workspace.path))
    laws.hold(WorkspaceDirectory(workspace.path), [run.id])


def test_an_end_that_cannot_be_written_is_written_when_it_is_asked_for_again(
    workspace: Workspace, disk: Disk
) -> None:
    run = Experiment(workspace, "exp").start_logging(snapshot_directory=None)
    disk.fill()
    text = rf"^the end of run {run.id} \(script_exception\) was not recorded: No space left"
    with pytest.raises(RunWriteException, match=text):
        run.fail("f" * PAGE)
    disk.empty()
    run.complete()
    assert (run.get_status(), run.directory.path) == ("Completed", run.directory.path)
    laws.hold(WorkspaceDirectory(workspace.path), [run.id])


def test_a_tag_of_an_experiment(workspace: Workspace, disk: Disk) -> None:
    experiment = Experiment(workspace, "exp")
    disk.fill()
    with pytest.raises(
        RunWriteException, match=r"^experiment 'exp' was not changed: No space left"
    ):
        experiment.tag("a", LONG)


def test_the_folder_may_only_be_read(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root nobody may write there; with it, as on a disk mounted so."""
    run = Experiment(workspace, "exp").start_logging(snapshot_directory=None)

    def refuse(*_: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr("runyard.record.regular.open_fd", refuse)
        with pytest.raises(RunWriteException) as raised:
            run.tag("a", "b")
    assert str(raised.value) == (
        f"tag 'a' of run {run.id} was not noted: Read-only file system: {run.directory.notes!r}. "
        "Look who may write there, and whether its disk is mounted for reading only"
    )
    run.complete()


SCRIPT = """
import sys
from runyard import Run
from runyard.errors import RunyardError
run = Run.get_context()
for call in (lambda: run.log("loss", "x" * 9000), lambda: run.tag("a", "x" * 9000),
             lambda: run.upload_file("big", sys.argv[1])):
    try:
        call()
        print("written")
    except RunyardError as error:
        print(type(error).__name__, isinstance(error, OSError), error)
"""


@pytest.mark.parametrize("python", ["own", "python3.6"])
def test_a_script_is_told_so(
    disk: Disk, tmp_path: Path, python: str, tool: Callable[[str], str]
) -> None:
    program = sys.executable if python == "own" else tool(python)
    big = tmp_path / "big"
    big.write_bytes(bytes(9000))
    run = runs.make_run(runs.workspace(disk.path))
    disk.fill()
    variables = {"RUNYARD_RUN_DIRECTORY": run.path, "PYTHONPATH": str(JOB_PATH)}
    variables["PATH"] = os.environ["PATH"]
    argv = [program, "-c", SCRIPT, str(big)]
    done = subprocess.run(argv, env=variables, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for line, what in zip(
        done.stdout.splitlines(),
        ("metric 'loss' of", "tag 'a' of", "file 'big' was not stored with"),
        strict=True,
    ):
        assert line.startswith(f"RunWriteException True {what} run {run.id}"), line
        assert line.endswith(ADVICE)
