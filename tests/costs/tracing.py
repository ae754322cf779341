"""What programs ask of the kernel, read from strace, in kinds that do not depend on the machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.requirements import missing

KINDS = {
    "opens": ("open", "openat", "creat"),
    "stats": (
        *("stat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2"),
        *("readlink", "readlinkat"),
    ),
    "fsyncs": ("fsync", "fdatasync", "syncfs"),
    "renames": ("rename", "renameat", "renameat2", "link", "linkat"),
    "mkdirs": ("mkdir", "mkdirat"),
    "removals": ("unlink", "unlinkat", "rmdir"),
    "writes": ("write", "writev", "pwrite64"),
    "processes": ("clone", "clone3", "fork", "vfork"),
    "programs": ("execve",),
}
"""Of each kind the system calls that libraries and machines choose among."""

_KIND = {call: kind for kind, calls in KINDS.items() for call in calls}
KNOWN = ",".join(f"?{call}" for call in _KIND)
"""All of them, as strace wants it; one that this machine does not have is no error."""
_STARTS = ("programs", "processes")
_MARK = "/mark-of-the-trace/"
_EXITED = "exited"
_END = re.compile(r"^(\d+) +\+\+\+ ")
_LINE = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+|\?)")
_PLACE = re.compile(r'(?:AT_FDCWD|\d+)?(?:<([^>]*)>)?(?:, )?(?:"((?:[^"\\]|\\.)*)")?')


class Call(NamedTuple):
    """One system call. ``path``: absolute, of the file it is about; '' where it is about none."""

    pid: int
    name: str
    path: str
    arguments: str
    result: int

    @property
    def kind(self) -> str:
        """One of ``KINDS``, or the name of the call."""
        return _KIND.get(self.name, self.name)


Which = Callable[[Call], bool]


def mark(name: str) -> Which:
    """The mark that a program leaves by ``mark(name)``; see ``MARK``."""
    return lambda call: call.path == _MARK + name


def starts(words: str) -> Which:
    """The start of a program with these words in its argv, written as a list of C strings."""
    return lambda call: call.name == "execve" and call.result == 0 and words in call.arguments


def ends(pid: int) -> Which:
    """The end of a process."""
    return lambda call: call.pid == pid and call.name == _EXITED


class Trace:
    """The calls of a program and of all that it started, in their order."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = calls

    def first(self, which: Which) -> Call:
        """The first such call."""
        return self.calls[self._number(which)]

    def since(self, which: Which) -> Trace:
        """What came behind the first such call."""
        return Trace(self.calls[self._number(which) + 1 :])

    def until(self, which: Which) -> Trace:
        """What came before the first such call."""
        return Trace(self.calls[: self._number(which)])

    def of(self, pid: int) -> Trace:
        """What one process did."""
        return Trace([call for call in self.calls if call.pid == pid])

    def below(self, folder: Path) -> Trace:
        """What was asked about a folder and all that is in it."""
        root = f"{folder}/"
        return Trace([call for call in self.calls if f"{call.path}/".startswith(root)])

    def costs(self) -> Counter[str]:
        """How many of each kind; ``bytes``: those that were written."""
        counted: Counter[str] = Counter()
        for call in self.calls:
            if call.name in ("fstat", _EXITED) or (call.kind in _STARTS and call.result < 0):
                continue  # an open file costs nothing to ask; not each folder of PATH has a program
            counted[call.kind] += 1
            if call.kind == "writes":
                counted["bytes"] += max(call.result, 0)
        return counted

    def _number(self, which: Which) -> int:
        return next(number for number, call in enumerate(self.calls) if which(call))


MARK = f"import os\ndef mark(name):\n    os.path.exists({_MARK!r} + name)\n"
"""Of a traced program: ``mark("begin")`` leaves a mark in the trace."""


def trace(into: Path, argv: Sequence[str], calls: str = KNOWN) -> Trace:
    """Run a program to its end, and all that it starts, under strace, which writes ``into``.

    ``calls``: names of system calls, or ``all`` of them.
    """
    if shutil.which("strace") is None:
        missing("strace", "strace is not here")
    options = ["-f", "-y", "-s", "300", "-o", str(into), "-e", f"trace={calls}"]
    kept = {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        ["strace", *options, *argv], env=kept, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return Trace([*_calls(into.read_text(errors="replace").splitlines())])


def _calls(lines: Iterable[str]) -> Iterable[Call]:
    """A call that was cut in two by one of another process counts where it began."""
    found: list[Call | None] = []
    begun: dict[str, tuple[int, str]] = {}
    for line in lines:
        pid = line.split(maxsplit=1)[0]
        if line.endswith("<unfinished ...>"):
            begun[pid] = len(found), line.removesuffix(" <unfinished ...>")
            found.append(None)
        elif " resumed>" in line and pid in begun:
            place, first = begun.pop(pid)
            found[place] = _call(first + line.partition(" resumed>")[2])
        else:
            found.append(_call(line))
    return [call for call in found if call is not None]


def _call(line: str) -> Call | None:
    match = _LINE.match(line)
    if match is None:
        if end := _END.match(line):
            return Call(int(end[1]), _EXITED, "", "", 0)
        return None
    pid, name, arguments, result = match.groups()
    place = _PLACE.match(arguments)
    folder, given = place.groups() if place else ("", "")
    if name in ("newfstatat", "statx") and not given:
        name = "fstat"  # of an open file: no path is looked up
    path = os.path.normpath(os.path.join(folder or "", given or ""))
    return Call(int(pid), name, path, arguments, -1 if result == "?" else int(result))
