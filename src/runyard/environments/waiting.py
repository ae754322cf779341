"""Runs that wait in the queue of a cluster for an environment, which stays for as long as they do.

They may be of any workspace, so what they wait for is noted beside the environment:
``environments/.waiting/<key>/<run id>-<number of its folder>`` has the path of the run. Standard
library only: the runner takes it away when its run has ended.
"""

from __future__ import annotations

import os
import time

from runyard.environments import cache
from runyard.record.layout import RunDirectory

_UNTOLD_S = 3600.0
"""For the submitter of a run to write its run.json; where it was killed, nobody waits."""


def note(key: str, run: RunDirectory) -> bool:
    """Keep the environment for a run that is to wait; False when it is not there any more.

    Of a cache that somebody else keeps nothing is noted.
    """
    import fcntl

    try:
        lock = os.open(cache.use_lock(key), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:
        return cache.built(key) is not None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)  # none removes it from here on
        if cache.built(key) is None:
            return False
        _write(key, run)
    except OSError:  # no locks there, so nothing is removed; or no room for a name
        return cache.built(key) is not None
    finally:
        os.close(lock)
    return True


def forget(key: str, run: RunDirectory) -> None:
    """The run waits no more."""
    try:
        os.unlink(os.path.join(_folder(key), _name(run)))
    except OSError:
        return


def waits(key: str) -> str:
    """The path of a run that has not ended and waits for the environment; '' without one.

    Notes of others are removed.
    """
    try:
        names = sorted(os.listdir(_folder(key)))
    except OSError:
        return ""
    for name in names:
        path = os.path.join(_folder(key), name)
        found = _waiting(path)
        if found:
            return found
        try:
            os.unlink(path)
        except OSError:
            continue
    return ""


def _waiting(path: str) -> str:
    from runyard.record import events

    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            run = RunDirectory(stream.read())
        if os.path.exists(run.run_json):
            return "" if events.read_state(run).status.ended else run.path
        young = time.time() - os.stat(path).st_mtime < _UNTOLD_S
        return run.path if young else ""
    except FileNotFoundError:
        return ""
    except OSError:  # it cannot be looked at, by this user or now
        return path


def _write(key: str, run: RunDirectory) -> None:
    os.makedirs(_folder(key), exist_ok=True)
    path = os.path.join(_folder(key), _name(run))
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(run.path)


def _folder(key: str) -> str:
    return os.path.join(os.path.dirname(cache.prefix(key)), ".waiting", key)


def _name(run: RunDirectory) -> str:
    return f"{run.id}-{os.stat(run.path).st_ino:x}"
