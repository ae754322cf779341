"""Fixtures for tests of pools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runyard.record.layout import WorkspaceDirectory
from runyard.testing import runs
from tests.computes import pools


@pytest.fixture(autouse=True)
def _nothing_is_left_in_memory(tmp_path: Path) -> Iterator[None]:
    yield
    pools.forget(tmp_path)


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceDirectory:
    return runs.workspace(tmp_path)


@pytest.fixture
def go(tmp_path: Path) -> Path:
    """The scripts of ``pools.until`` end when it is there."""
    return tmp_path / "go"
