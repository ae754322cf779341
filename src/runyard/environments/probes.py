"""Starting a Python once to learn what it is, and remembering the answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, NamedTuple

from runyard.environments import cache

_TIME_LIMIT_S = 30.0
# Runs under Python 3.6; Python 2 refuses -I and so is never taken for one of ours.
_QUESTION = """
import json, os, platform, sys, sysconfig
libc = os.confstr('CS_GNU_LIBC_VERSION') if 'CS_GNU_LIBC_VERSION' in os.confstr_names else ''
print(json.dumps(['%d.%d.%d' % sys.version_info[:3], platform.python_implementation(),
    sysconfig.get_platform(), libc or '', sys.prefix]))
"""


class Interpreter(NamedTuple):
    """One Python of this machine.

    ``path``: absolute; ``version``: such as '3.8.18'; ``implementation``: such as 'CPython';
    ``platform``: as sysconfig names it; ``libc``: such as 'glibc 2.36', '' where there is
    another; ``prefix``: its ``sys.prefix``.
    """

    path: str
    version: str
    implementation: str
    platform: str
    libc: str
    prefix: str

    @property
    def numbers(self) -> tuple[int, ...]:
        """The version as numbers, to compare."""
        return tuple(int(part) for part in self.version.split("."))


def of_this_process(path: str) -> Interpreter:
    """Describe the interpreter that runs this program, without starting one."""
    import platform
    import sysconfig

    known = "CS_GNU_LIBC_VERSION" in os.confstr_names
    return Interpreter(
        path,
        "{}.{}.{}".format(*sys.version_info[:3]),
        platform.python_implementation(),
        sysconfig.get_platform(),
        (os.confstr("CS_GNU_LIBC_VERSION") or "") if known else "",
        sys.base_prefix,
    )


def is_program(path: str) -> bool:
    """Whether the file can be a Python itself, and not a script in front of one.

    The shims of pyenv, asdf and the like are such scripts; they come first on PATH, and start
    another Python or none, depending on the folder they are started in.
    """
    if not os.access(path, os.X_OK):
        return False
    try:
        with open(path, "rb") as file:
            return file.read(2) not in (b"#!", b"")
    except OSError:
        return False


def start(path: str) -> Interpreter | str:
    """Start the program and return what it says of itself, or why it is of no use."""
    try:
        ended = subprocess.run(
            [path, "-I", "-c", _QUESTION],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIME_LIMIT_S,
            check=False,
            cwd="/",
        )
    except subprocess.TimeoutExpired:
        return f"it gave no answer within {_TIME_LIMIT_S:.0f} s"
    except OSError as error:
        return error.strerror or str(error)
    if ended.returncode != 0:
        said = ended.stderr.decode(errors="replace").strip().splitlines()
        return f"it ended with exit code {ended.returncode}: {said[-1] if said else 'no message'}"
    try:
        return Interpreter(path, *json.loads(ended.stdout))
    except (ValueError, TypeError):
        return "it does not answer like a Python"


class Store:
    """Answers of earlier starts, in the cache folder.

    An answer holds while the file's inode, size and time of change do. The file is replaced as
    a whole: two writers at once may lose an answer, which then is asked for again.
    """

    def __init__(self) -> None:
        self._path = os.path.join(cache.cache_dir(), "interpreters.json")
        self._answers: dict[str, Any] = cache.read_json(self._path) or {}
        self._changed = False

    def interpreter(self, path: str) -> Interpreter | None:
        """Return what the program at ``path`` is, None when it is no usable Python."""
        status = os.stat(path)
        stamp = [status.st_ino, status.st_size, status.st_mtime_ns]
        known = self._answers.get(path)
        if not isinstance(known, dict) or known.get("stamp") != stamp:
            answer = start(path)
            known = {"stamp": stamp, "is": answer[1:] if isinstance(answer, Interpreter) else None}
            self._answers[path] = known
            self._changed = True
        fields = known.get("is")
        return Interpreter(path, *fields) if fields else None

    def save(self) -> None:
        """Write the answers where any is new; a cache that cannot be written is no error."""
        if not self._changed:
            return
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            cache.write_json(self._path, self._answers)
        except OSError:
            pass
