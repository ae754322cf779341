"""Folders that are gone when the tests of a file are: pytest would keep those of three sessions."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="runyard-load-"))
    yield made
    shutil.rmtree(made)
