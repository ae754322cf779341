"""Whether workspace.json, the index and the caches can be used."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from functools import partial
from urllib.parse import quote

from blake3 import blake3

from runyard.errors import WorkspaceException
from runyard.history import workspace_folder
from runyard.history.index import reindex
from runyard.history.verification.finding import Finding
from runyard.history.verification.runs import reason
from runyard.record.layout import WorkspaceDirectory

_BUSY_S = 1.0


def workspace_json(workspace: WorkspaceDirectory) -> Iterator[Finding]:
    """Name and format of the workspace."""
    try:
        workspace_folder.read(workspace)
    except WorkspaceException as error:
        text, _, advice = error.message.partition("; ")
        yield Finding("error", workspace.workspace_json, text, advice or "upgrade runyard")


def index(workspace: WorkspaceDirectory) -> Iterator[Finding]:
    """The index: it is made anew by itself where it is no database, so this is a warning."""
    if not os.path.exists(workspace.index):
        return
    try:
        answer = _check(workspace.index)
    except sqlite3.OperationalError:
        return  # somebody writes to it now, or it cannot be written beside: it is not asked
    except sqlite3.DatabaseError as error:
        answer = str(error)
    if answer != "ok":
        text, advice = f"is damaged: {answer}", "runyard verify --repair, or: runyard reindex"
        mend = partial(_anew, workspace)
        yield Finding("warning", workspace.index, text, advice, mend=mend)


def _check(path: str) -> str:
    """'ok', or what is damaged; nothing is written, no file made beside it."""
    if not os.path.exists(path + "-wal"):
        with contextlib.suppress(sqlite3.DatabaseError):
            if _asked(path, "immutable=1") == "ok":  # else perhaps somebody is writing to it
                return "ok"
    return _asked(path, "mode=ro")


def _asked(path: str, how: str) -> str:
    address = f"file:{quote(path)}?{how}"
    with contextlib.closing(sqlite3.connect(address, uri=True, timeout=_BUSY_S)) as database:
        return str(database.execute("PRAGMA quick_check(1)").fetchone()[0])


def _anew(workspace: WorkspaceDirectory) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(workspace.index + suffix)
    reindex(workspace)


def caches(workspace: WorkspaceDirectory) -> Iterator[Finding]:
    """What was seen of source folders: begins with the hash of the rest."""
    folder = os.path.join(workspace.path, "cache")
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    for name in names:
        path = os.path.join(folder, name)
        if name.startswith("stat-") and not name.endswith(".tmp"):
            text = _unusable(path)
            if text:
                advice = "runyard verify --repair removes it; the next submission makes it anew"
                yield Finding("warning", path, text, advice, mend=partial(os.unlink, path))


def _unusable(path: str) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as stream:
            content = stream.read()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return reason(error)
    return "" if blake3(content[32:]).digest() == content[:32] else "is damaged"
