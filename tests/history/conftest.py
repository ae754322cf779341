"""What the tests of snapshots share."""

from pathlib import Path

import pytest

from runyard.history.snapshots import SnapshotStore


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source folder with a script and a package of one module."""
    root = tmp_path / "source"
    (root / "pkg").mkdir(parents=True)
    (root / "train.py").write_text("print('hello')\n")
    (root / "pkg/a.py").write_text("A = 1\n")
    return root


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    """The snapshots of an empty workspace."""
    return SnapshotStore(tmp_path / "ws")
