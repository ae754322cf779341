import json
import os
import stat
import sys
import zipfile
from pathlib import Path

import pytest

from runyard.errors import RunEnvironmentException, SnapshotException
from runyard.job import context
from runyard.job.run import Run
from runyard.record.layout import WorkspaceDirectory

BLOB = "ab" + "0" * 62


def store(workspace: WorkspaceDirectory, snapshot_id: str) -> None:
    entries = [
        ["empty", "d", 0o755, "", 0],
        ["link", "l", 0o777, "train.py", 0],
        ["sub/train.py", "f", 0o755, BLOB, 5],
    ]
    path = Path(workspace.manifest(snapshot_id))
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"format": 1, "entries": entries}))
    blob = Path(workspace.blobs, "ab", BLOB)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"print")


def test_restore_writes_a_zip(interactive_run: Run) -> None:
    store(interactive_run.directory.workspace, "snap")
    interactive_run.add_properties({"ContentSnapshotId": "snap"})
    assert interactive_run.get_snapshot_id() == "snap"
    path = interactive_run.restore_snapshot()
    assert path == str(Path.cwd() / "snap.zip")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["empty/", "link", "sub/train.py"]
        assert archive.read("sub/train.py") == b"print"
        mode = archive.getinfo("link").external_attr >> 16
        assert stat.S_ISLNK(mode)
        assert archive.read("link") == b"train.py"
        assert archive.getinfo("sub/train.py").external_attr >> 16 == stat.S_IFREG | 0o755
    assert interactive_run.restore_snapshot("snap", "folder") == "folder/snap.zip"
    assert interactive_run.restore_snapshot(path="other.zip") == "other.zip"


def test_what_cannot_be_restored(interactive_run: Run) -> None:
    with pytest.raises(SnapshotException, match=r"has no snapshot$"):
        interactive_run.restore_snapshot()
    with pytest.raises(SnapshotException, match="this workspace has no snapshot 'none'"):
        interactive_run.restore_snapshot("none")


def test_take_snapshot_needs_runyard(submitted_run: Run) -> None:
    with pytest.raises(RunEnvironmentException, match="RUNYARD_PYTHON does not say where it is"):
        submitted_run.take_snapshot(".")


FAKE = """#!/bin/sh
[ -z "$PYTHONHOME$VIRTUAL_ENV" ] || exit 7
[ "$PYTHONPATH" = /mine ] || exit 8
echo "$@" > "$(dirname "$0")/called"
[ "$4" = "{bad}" ] && {{ echo "too large" >&2; exit 3; }}
echo snap-1
"""


def test_take_snapshot_is_done_by_the_submitters_python(
    submitted_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.job.conftest import JOB_PATH

    python = tmp_path / "python"
    python.write_text(FAKE.format(bad=tmp_path / "bad"))
    python.chmod(0o755)
    monkeypatch.setenv(context.PYTHON, str(python))
    monkeypatch.setenv("PYTHONHOME", sys.prefix)
    monkeypatch.setenv("PYTHONPATH", f"{JOB_PATH}{os.pathsep}/mine")
    with pytest.raises(SnapshotException, match=r"'\.\./bad' was not stored: too large"):
        submitted_run.take_snapshot("../bad")
    assert submitted_run.take_snapshot(".") == "snap-1"
    command = "-m runyard.history.snapshots_cli"
    workspace = submitted_run.directory.workspace.path
    assert (tmp_path / "called").read_text() == f"{command} {workspace} {Path.cwd()}\n"
    assert Run(submitted_run.directory).get_snapshot_id() == "snap-1"
    with pytest.raises(SnapshotException, match="has the snapshot snap-1 already; a run has one"):
        submitted_run.take_snapshot(".")
