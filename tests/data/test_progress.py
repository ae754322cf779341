"""What uploads and downloads say: the lines of SDK v1, and a bar on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.data.conftest import write

_UPLOAD = """
import sys
from runyard import Workspace
store = Workspace.at(sys.argv[1]).get_default_datastore()
store.upload(sys.argv[2], "there")
store.download(sys.argv[3], "there")
store.download(sys.argv[3], "there")
"""


def _on_a_terminal(*arguments: str) -> str:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", _UPLOAD, *arguments],
        stdout=theirs,
        env={**os.environ, "TERM": "xterm"},
    ) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                chunk = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            said += chunk
        os.close(ours)
    assert process.returncode == 0
    return said.decode()


def test_a_bar_on_a_terminal(workspace: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "in", a="A", b="B")
    said = _on_a_terminal(workspace.path, str(source), str(tmp_path / "out"))
    assert "Uploading  [####" in said
    assert "100%" in said
    assert "Uploaded 2 files\r\n" in said
    assert "Downloaded 2 files\r\n" in said
    assert "Downloaded 0 files, 2 were there already\r\n" in said
    assert "a.txt" not in said


def test_lines_elsewhere(workspace: Any, tmp_path: Path) -> None:
    source = write(tmp_path / "in", a="A", b="B")
    command = [sys.executable, "-c", _UPLOAD, workspace.path, str(source), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "Uploading an estimated of 2 files",
        f"Uploading {source}/a.txt",
        f"Uploaded {source}/a.txt, 1 files out of an estimated total of 2",
        f"Uploading {source}/b.txt",
        f"Uploaded {source}/b.txt, 2 files out of an estimated total of 2",
        "Uploaded 2 files",
        "Downloading there/a.txt",
        "Downloaded there/a.txt, 1 files out of an estimated total of 2",
        "Downloading there/b.txt",
        "Downloaded there/b.txt, 2 files out of an estimated total of 2",
        "Downloading there/a.txt",
        "Target already exists. Skipping download for there/a.txt",
        "Downloading there/b.txt",
        "Target already exists. Skipping download for there/b.txt",
    ]
