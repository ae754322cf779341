"""What tests need beyond Python: missing, they are skipped, or fail where it must be there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

REQUIRED = frozenset(filter(None, os.environ.get("RUNYARD_REQUIRE", "").split(",")))


def missing(name: str, why: str) -> NoReturn:
    """Skip the test, or fail it when RUNYARD_REQUIRE names what is missing."""
    if name in REQUIRED:
        pytest.fail(f"{why}, and RUNYARD_REQUIRE says that {name} must be there")
    pytest.skip(why)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own in the new folder, of a size as mount(8) writes it: ``4m``."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        missing("mount", "a small file system can only be mounted by root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
