"""Folders of this user alone that no disk has: in ``/dev/shm/runyard-<uid>``.

Standard library, and little of it: a runner writes there on its way to the script.
"""

from __future__ import annotations

import os

from runyard.record import early_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runyard.record.layout import RunDirectory

MEMORY = "/dev/shm"
RUN = "run"
"""The name of what is kept of a run that may have to be started again."""
_EPERM = 1
_DIRECTORY, _KIND = 0o040000, 0o170000


def key(path: str) -> str:
    """By what a folder is known there: of one that moved the same, of a copy another one."""
    return f"{os.stat(path).st_ino:x}"


def folder_of(path: str, memory: str = MEMORY) -> str:
    """The folder there for what belongs to the folder ``path``."""
    return os.path.join(memory, f"runyard-{os.getuid()}", key(path))


def make(folder: str) -> None:
    """Make a folder for this user alone, below one that is there. Raises OSError."""
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        refuse_open(folder)


def refuse_open(folder: str) -> None:
    """Anybody may make names in /dev/shm: a folder that is not ours alone is not used."""
    found = os.lstat(folder)
    private = found.st_mode & _KIND == _DIRECTORY and not found.st_mode & 0o077
    if not private or found.st_uid != os.getuid():
        raise PermissionError(_EPERM, "it is not a folder of this user alone", folder)


def order(
    run: RunDirectory, spec: Mapping[str, Any], program: Sequence[str], places: Mapping[str, str]
) -> dict[str, Any]:
    """How a run is to be started, as ``pool_private.Order`` has it, without its variables."""
    return {
        "run": f"{run.experiment}/{run.id}",
        "nodes": int(spec.get("node_count") or 1),
        "secrets": bool(spec.get("secret_variables")),
        "program": list(program),
        "places": dict(places),
    }


def write(path: str, body: Mapping[str, Any]) -> None:
    """Write a new file, whole, which only this user can read. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "wb") as stream:
            stream.write(early_json.dumps(dict(body)).encode("ascii"))
    except OSError:
        os.unlink(path)
        raise
