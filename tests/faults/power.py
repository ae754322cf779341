"""What a disk has after a power cut, worked out from the system calls that were made before it.

A program is run under strace; what it and its children did to the files of a folder is replayed as
far as any call, without what nothing had made last: data of files that were not synced. Of names
(files made, renamed, removed) two worlds are made, and a real file system leaves something between:

* ``SYNCED``: those of the last sync alone, of whatever file: a journal takes earlier ones along;
* ``ALL``: all of them, without their data: a journal that was written in that very moment.
"""

from __future__ import annotations

import codecs
import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

SYNCED, ALL = "synced", "all"
_CALLS = (
    "open,openat,creat,write,pwrite64,writev,fsync,fdatasync,rename,renameat,renameat2,link,linkat,"
    "unlink,unlinkat,mkdir,mkdirat,rmdir,ftruncate,symlink,symlinkat,sendfile,copy_file_range"
)
_LINE = re.compile(rb"(\d+\.\d+) (\w+)\((.*)\) += (\d+)", re.DOTALL)
_TEXT = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_FD = re.compile(rb"^(?:AT_FDCWD|\d+)<([^>]*)>")
_FLAGS = re.compile(rb"\b(O_[A-Z|_]+)")
_LEFT_OUT = re.compile(r"/index\.db")


class Call(NamedTuple):
    """One call that has succeeded: when, its name, what stood between the parentheses."""

    moment: float
    name: str
    words: bytes


def recorded(folder: Path, argv: Sequence[str], environ: dict[str, str], trace: Path) -> list[Call]:
    """Run a program in ``folder`` until it and all it has started have ended; what they called."""
    command = ["strace", "-ff", "-ttt", "-y", "-x", "-s", "500000", "-o", str(trace)]
    done = subprocess.run(
        [*command, "-e", f"trace={_CALLS}", *argv],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = []
    for path in trace.parent.glob(f"{trace.name}.*"):
        for line in path.read_bytes().splitlines():
            call = _LINE.match(line)
            if call is not None:
                found.append(Call(float(call[1]), call[2].decode(), call[3]))
    return sorted(found)


class _File:
    """Content now, and at its last sync; None: never synced."""

    def __init__(self, target: str | None = None) -> None:
        self.content = bytearray()
        self.synced: bytes | None = None
        self.target = target  # of a link


class Disk:
    """The folder ``root`` as calls make it; what was there ``before`` is on the disk."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self.names: dict[str, _File | None] = {}  # None: a folder
        for path in sorted(root.rglob("*")):
            self.names[str(path)] = self._as_it_is(path)
        self._durable = dict(self.names)

    def _as_it_is(self, path: Path) -> _File | None:
        if path.is_dir():
            return None
        found = _File()
        found.content += path.read_bytes()
        found.synced = bytes(found.content)
        return found

    def does(self, call: Call) -> bool:
        """Carry a call out; whether it was one that changes something here."""
        paths = [path for path in _paths(call) if self._is_here(path)]
        if not paths:
            return False
        name = re.sub("at2?$", "", call.name)
        method = getattr(self, f"_{name}", None)
        assert method is not None, f"{call} is not replayed"
        return bool(method(call, *paths))

    def _is_here(self, path: str) -> bool:
        return path.startswith(self._root + "/") and not _LEFT_OUT.search(path)

    def _open(self, call: Call, *paths: str) -> bool:
        flags = b"".join(_FLAGS.findall(call.words))
        path = paths[-1]
        if b"O_CREAT" not in flags and b"O_TRUNC" not in flags:
            return False
        known = self.names.get(path)
        if path not in self.names:
            self.names[path] = _File()
        elif isinstance(known, _File) and b"O_TRUNC" in flags:
            known.content.clear()
        else:
            return False
        return True

    def _write(self, call: Call, path: str) -> bool:
        found = self.names.get(path)
        if isinstance(found, _File):
            found.content += _texts(call)[0]
        return True

    def _pwrite64(self, call: Call, path: str) -> bool:
        found, data = self.names.get(path), _texts(call)[0]
        offset = int(call.words.rpartition(b", ")[2])
        if isinstance(found, _File):
            found.content[offset : offset + len(data)] = data
        return True

    def _ftruncate(self, call: Call, path: str) -> bool:
        found = self.names.get(path)
        if isinstance(found, _File):
            del found.content[int(call.words.rpartition(b", ")[2]) :]
        return True

    def _fsync(self, _: Call, path: str) -> bool:
        found = self.names.get(path)
        if isinstance(found, _File):
            found.synced = bytes(found.content)
        self._durable = dict(self.names)
        return True

    _fdatasync = _fsync

    def _rename(self, _: Call, old: str, new: str) -> bool:
        moved = {n: f for n, f in self.names.items() if n == old or n.startswith(old + "/")}
        for name, file in moved.items():
            del self.names[name]
            self.names[new + name[len(old) :]] = file
        return True

    def _link(self, _: Call, old: str, new: str) -> bool:
        self.names[new] = self.names[old]
        return True

    def _unlink(self, _: Call, *paths: str) -> bool:
        self.names.pop(paths[-1], None)
        return True

    _rmdir = _unlink

    def _mkdir(self, _: Call, *paths: str) -> bool:
        self.names[paths[-1]] = None
        return True

    def _symlink(self, call: Call, *paths: str) -> bool:
        self.names[paths[-1]] = _File(_texts(call)[0].decode())
        return True

    def left(self, world: str, folder: Path) -> None:
        """Make in ``folder`` what is there after a power cut now."""
        names = self.names if world == ALL else self._durable
        made: dict[int, Path] = {}
        for name, file in sorted(names.items()):
            path = folder / os.path.relpath(name, self._root)
            path.parent.mkdir(parents=True, exist_ok=True)
            if file is None:
                path.mkdir(exist_ok=True)
            elif file.target is not None:
                path.symlink_to(file.target)
            elif id(file) in made:
                path.hardlink_to(made[id(file)])
            else:
                path.write_bytes(file.synced or b"")
                made[id(file)] = path


def _texts(call: Call) -> list[bytes]:
    decode = codecs.escape_decode
    return [decode(text)[0] for text in _TEXT.findall(call.words)]


def _paths(call: Call) -> list[str]:
    """The files that a call is about, absolute."""
    fd = _FD.match(call.words)
    of_fd = fd[1].decode() if fd else ""
    if call.name in ("write", "pwrite64", "writev", "fsync", "fdatasync", "ftruncate"):
        return [of_fd]
    if call.name in ("sendfile", "copy_file_range"):
        return [found.decode() for found in re.findall(rb"\d+<([^>]*)>", call.words)]
    texts: Iterable[str] = (os.fsdecode(text) for text in _texts(call))
    return [os.path.join(of_fd, text) for text in texts]
