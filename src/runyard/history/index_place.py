"""Where the index of a workspace is kept: in it, or, in one of another user, apart from it."""

from __future__ import annotations

import os
import stat

from runyard.record.layout import WorkspaceDirectory

FILES = ("", "-wal", "-shm", "-journal")
"""What SQLite writes: the database and, by their endings, what belongs to it."""


def index_path(workspace: WorkspaceDirectory) -> str:
    """The file of the index: ``index.db`` of the workspace, where this user may trust that name.

    SQLite follows links, and empties a database that is not the index: in a folder of another user
    the name could lead it to any file of ours. The index of such a workspace lies in
    ``$XDG_CACHE_HOME/runyard/indexes``, which also spares its owner files that are not theirs.
    """
    if _is_ours(workspace):
        return workspace.index
    from runyard import settings

    folder = os.path.join(settings.xdg_cache_home(), "runyard", "indexes")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError:  # then the index is kept in memory
        return os.path.join(folder, "none", "index.db")
    return os.path.join(folder, f"{_key(workspace)}.db")


def _is_ours(workspace: WorkspaceDirectory) -> bool:
    uid = os.geteuid()
    try:
        if os.stat(workspace.path).st_uid != uid:
            return False
    except OSError:
        return True  # there is none yet, or it cannot be read: the next step says so
    return not any(_is_link_of_another(workspace.index + ending, uid) for ending in FILES)


def _is_link_of_another(path: str, uid: int) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISLNK(found.st_mode) and found.st_uid != uid


def _key(workspace: WorkspaceDirectory) -> str:
    import hashlib  # 5 ms, for the workspaces of others only

    place = os.fsencode(os.path.realpath(workspace.path))
    return hashlib.sha256(place).hexdigest()[:32]
