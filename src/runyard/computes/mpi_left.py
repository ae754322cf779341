"""What processes of MPI left on this machine when they were killed."""

from __future__ import annotations

import contextlib
import glob
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_FOLDER = "/dev/shm/"
_PREFIXES = ("mpich_shm_", "sm_segment.", "vader_segment.", "Intel_MPI_", "ucx_shm_posix_")
"""As the runtimes name them."""


def remove_sessions(pids: Iterable[int], folder: str) -> None:
    """Remove what Open MPI keeps in a folder for temporary files, by the pid of its mpiexec."""
    import shutil

    for pid in pids:
        shutil.rmtree(os.path.join(folder, f"ompi.{pid}"), ignore_errors=True)


def remove_segments(since: float) -> list[str]:
    """Remove shared memory that was made since a moment, is this user's, and no process uses.

    Another run may make its own just now: between its first and its last moment a segment is an
    open file of a process or in its memory, and is looked for there in this order. Returns the
    paths of those removed.
    """
    found = [path for path in _paths() if _is_ours(path, since)]
    if not found:
        return []
    used = _open_files() | _mapped()
    left = [path for path in found if path not in used]
    for path in left:
        with contextlib.suppress(OSError):
            os.unlink(path)
    return left


def _paths() -> list[str]:
    try:
        names = os.listdir(_FOLDER)
    except OSError:
        return []
    return [_FOLDER + name for name in names if name.startswith(_PREFIXES)]


def _is_ours(path: str, since: float) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return False
    return status.st_uid == os.geteuid() and status.st_ctime >= since


def _open_files() -> set[str]:
    found = set()
    for link in glob.iglob("/proc/[0-9]*/fd/*"):
        try:
            found.add(os.readlink(link))
        except OSError:
            continue
    return found


def _mapped() -> set[str]:
    found = set()
    for name in glob.iglob("/proc/[0-9]*/maps"):
        try:
            with open(name, encoding="utf-8", errors="replace") as stream:
                lines = [line for line in stream if _FOLDER in line]
        except OSError:
            continue
        found |= {line[line.index(_FOLDER) :].rstrip("\n") for line in lines}
    return found
