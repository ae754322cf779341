"""The shells that may be /bin/sh of a machine or of an image."""

from __future__ import annotations

import shutil

from tests.requirements import missing

SHELLS = ("dash", "bash", "busybox")


def shell_of(name: str) -> list[str]:
    """Its command line; the test is skipped where it is not here."""
    if shutil.which(name) is None:
        missing(name, f"{name} is not here")
    return {"busybox": ["busybox", "sh"], "bash": ["bash", "--posix"]}.get(name, [name])
