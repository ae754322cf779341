"""Folders that are gone when the tests are: pytest would keep those of three sessions."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def new_folder() -> Iterator[Callable[[], Path]]:
    """For what all tests of a file share, in any order."""
    parent = Path(tempfile.mkdtemp(prefix="runyard-load-"))
    yield lambda: Path(tempfile.mkdtemp(dir=parent))
    shutil.rmtree(parent)


@pytest.fixture
def folder(new_folder: Callable[[], Path]) -> Iterator[Path]:
    """Of one test."""
    made = new_folder()
    yield made
    shutil.rmtree(made)
