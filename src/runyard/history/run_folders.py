"""The folders of a workspace in which its runs are, and when they changed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from runyard.record.layout import WorkspaceDirectory

_NO_TEXT = re.compile("[\ud800-\udfff]")


def experiment_names(workspace: WorkspaceDirectory) -> list[str]:
    """The experiments that have a folder of runs, sorted."""
    try:
        with os.scandir(workspace.runs) as entries:
            return sorted(e.name for e in entries if _may_be_ours(e.name) and e.is_dir())
    except FileNotFoundError:
        return []


def run_names(folder_fd: int) -> set[str]:
    """The runs of an experiment whose folder is open."""
    # A quarter faster than scandir, whose entries build whole paths.
    return {name for name in os.listdir(folder_fd) if _may_be_ours(name)}


def _may_be_ours(name: str) -> bool:
    """No run is called by what is no Unicode text, and no database can hold it."""
    return not name.startswith(".") and (name.isascii() or _NO_TEXT.search(name) is None)


@contextmanager
def opened(path: str) -> Iterator[int]:
    """A folder, open, so that names in it are not looked up from the root each time."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def stamp(name: str, folder_fd: int) -> int:
    """When a run last said that it had changed (``record.events.touch``), in ns."""
    try:
        return os.stat(name, dir_fd=folder_fd).st_mtime_ns
    except OSError:  # removed in this moment
        return 0


def names_stamp(folder_fd: int) -> int:
    """When names in a folder last came or went, in ns: copies and backups cannot set it back."""
    return os.fstat(folder_fd).st_ctime_ns
