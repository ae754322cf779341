"""A stand-in for apptainer, which cannot be installed here; it was never compared with that.

    python3 tests/apptainer.py IMAGES exec [OPTION]... IMAGE PROGRAM [ARGUMENT]...

It takes those options of ``apptainer exec`` that runyard gives, refuses all others, and really
enters the root file system of an image: ``docker://NAME`` is a folder of that name in IMAGES, a
path of a .sif file is one beside it. As with the real program (without a terminal, as an ordinary
user) the container has the processes and /tmp of the node, it cannot be written, a helper that has
to stay there serves its files, signals are handed on, and it ends as its process does. Needs root.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

_NEW_MOUNTS = 0x00020000
_BIND, _REC, _PRIVATE, _REMOUNT_READ_ONLY = 4096, 16384, 1 << 18, 1 | 32 | 4096
_OF_THE_NODE = ("/dev", "/proc", "/sys", "/tmp")
_PREFIX = "APPTAINERENV_"
_PASSED = ("TERM", "http_proxy", "https_proxy", "no_proxy")
_libc = ctypes.CDLL(None, use_errno=True)


def install(folder: Path, images: Path, name: str = "apptainer") -> Path:
    """Make a program of that name in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -I {__file__} {images} "$@"\n')
    program.chmod(0o755)
    return program


def main(words: list[str]) -> int:
    images, command, *rest = words
    if command == "--version":
        print("apptainer version 1.3.4")
        return 0
    if command != "exec":
        return fatal(f"unknown command {command}")
    binds, folder = [], "/"
    clean = home = False
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "--bind":
            binds.append(rest.pop(0))
        elif option == "--pwd":
            folder = rest.pop(0)
        elif option == "--cleanenv":
            clean = True
        elif option == "--no-home":
            home = True
        else:
            return fatal(f"unknown flag: {option}")
    assert clean, "variables of the node would be seen"
    assert home, "the home of the user would be seen"
    image, *argv = rest
    name = image.removeprefix("docker://")
    root = Path(images, name.replace("/", "_")) if name != image else Path(image).with_suffix("")
    if not root.is_dir():
        return fatal(f"while pulling {image}: no such image")
    print("INFO:    Using cached SIF image", file=sys.stderr, flush=True)
    return run(root, binds, folder, argv)


def fatal(text: str) -> int:
    print(f"FATAL:   {text}", file=sys.stderr, flush=True)
    return 255


def run(root: Path, binds: list[str], folder: str, argv: list[str]) -> int:
    helper = os.fork()
    if helper == 0:
        serve(root)
    inside = os.fork()
    if inside == 0:
        enter(root, binds, folder, argv)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: os.kill(inside, number))
    status = os.waitpid(inside, 0)[1]
    os.kill(helper, signal.SIGKILL)
    os.waitpid(helper, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def serve(root: Path) -> None:
    """What stands for squashfuse: when it is told to end, the container loses its files."""

    def lost(*_: object) -> None:
        root.with_suffix(".lost").touch()
        os._exit(0)

    signal.signal(signal.SIGTERM, lost)
    while True:
        signal.pause()


def enter(root: Path, binds: list[str], folder: str, argv: list[str]) -> None:
    check(_libc.unshare(_NEW_MOUNTS))
    check(_libc.mount(None, b"/", None, _REC | _PRIVATE, None))
    mounts = [(place, place, "") for place in _OF_THE_NODE]
    for bind in binds:
        source, target, *flags = bind.split(":")
        mounts.append((source, target, ":".join(flags)))
    bound(str(root), str(root), "")
    for source, target, flag in mounts:
        place = f"{root}{target}"
        if not os.path.isdir(place):
            os.makedirs(place, exist_ok=True)
        bound(source, place, flag)
    bound("", str(root), "ro")
    os.chroot(root)
    os.chdir(folder)
    found = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")}
    found.update((name, os.environ[name]) for name in _PASSED if name in os.environ)
    found.update(
        (name.removeprefix(_PREFIX), value)
        for name, value in os.environ.items()
        if name.startswith(_PREFIX)
    )
    try:
        os.execvpe(argv[0], argv, found)
    finally:
        os._exit(fatal(f'"{argv[0]}": executable file not found in $PATH'))


def bound(source: str, target: str, flags: str) -> None:
    where = os.fsencode(target)
    if source:
        check(_libc.mount(os.fsencode(source), where, None, _BIND | _REC, None))
    if flags == "ro":
        check(_libc.mount(None, where, None, _REMOUNT_READ_ONLY, None))


def check(result: int) -> None:
    if result:
        os._exit(fatal(os.strerror(ctypes.get_errno())))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
