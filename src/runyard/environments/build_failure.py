"""The one way a build ends badly."""

from __future__ import annotations

import errno

FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class BuildFailure(Exception):
    """A build ended without an environment.

    ``type``: one of unresolvable, unauthorized, network, build_failed, disk_full, interpreter,
    killed, cancelled, failed, internal. ``message``: what failed and why. ``package``: the
    package at fault, where one is. ``hint``: the next thing to do, or ''.
    """

    def __init__(self, type: str, message: str, package: str | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.type = type
        self.message = message
        self.package = package
        self.hint = hint

    def as_dict(self) -> dict[str, str | None]:
        """Return the error as RESULT.json holds it."""
        return {
            "type": self.type,
            "message": self.message,
            "package": self.package,
            "hint": self.hint,
        }


def of_os_error(error: OSError, place: str) -> BuildFailure:
    """Return the failure behind an error of the operating system while writing to ``place``."""
    if error.errno in FULL_ERRORS:
        return disk_full(place)
    return BuildFailure(
        "failed",
        f"The environment cannot be written to {place}: {error}",
        hint="Give a folder of yours with RUNYARD_CACHE_DIR",
    )


def disk_full(place: str) -> BuildFailure:
    """Return the failure for a disk, or a user's quota, without room."""
    return BuildFailure(
        "disk_full",
        f"There is no space left on the disk, or in the quota, that holds {place}",
        hint="Free space there (uv cache prune) or raise the limit (quota, ulimit -f), or name "
        "another folder with RUNYARD_CACHE_DIR and UV_CACHE_DIR",
    )


def taken_over(place: str) -> BuildFailure:
    """Return the failure for a build that another machine took over."""
    return BuildFailure(
        "killed",
        f"This machine gave no sign of life while it built {place}, so another took the build over",
        hint="Submit again: what the other machine builds is used",
    )


def cancelled(signal_name: str) -> BuildFailure:
    """Return the failure for a build that was asked to stop."""
    return BuildFailure("cancelled", f"The build was stopped by {signal_name}")
