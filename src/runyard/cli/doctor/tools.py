"""The doctor on runyard itself and the programs it uses."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from runyard import settings
from runyard.cli import formats
from runyard.cli.doctor.finding import Finding, error, ok, warning
from runyard.environments import cache, interpreters, uv_program

_TIME_LIMIT_S = 10.0
_MEASURE_LIMIT_S = 2.0


def runyard() -> Iterator[Finding]:
    """Version and interpreter."""
    from runyard._version import __version__

    yield ok("runyard", f"{__version__}, Python {_version()} in {sys.executable}")


def _version() -> str:
    return ".".join(str(part) for part in sys.version_info[:3])


def settings_file() -> Iterator[Finding]:
    """The user's settings file, and the settings that are in effect."""
    path = settings.file()
    in_file = settings.from_file()
    found = [(name, settings.get(name)) for name in settings.VARIABLES]
    shown = [
        f"{name} = {setting.value} ({_origin(setting.where, path)})"
        for name, setting in found
        if setting is not None
    ]
    place = path if in_file or os.path.exists(path) else f"no file {path}"
    yield ok("settings file", "; ".join([place, *shown]))


def _origin(where: str, path: str) -> str:
    return "the file" if where.startswith(path) else where


def pythons() -> Iterator[Finding]:
    """The Pythons a run can ask for."""
    found = interpreters.found()
    if not found:
        yield error("python", "none was found", "install one: uv python install 3.12")
    for item in found:
        yield ok("python", f"{item.version}  {item.path}")


def uv() -> Iterator[Finding]:
    """The program that builds environments."""
    advice = "pip install uv, or name it with RUNYARD_UV"
    try:
        path = uv_program.find_uv()
    except Exception as failure:
        yield error("uv", str(failure) or "not found", advice)
        return
    version = first_line([path, "--version"])
    if version is None:
        yield error("uv", f"{path} does not start", advice)
    else:
        yield ok("uv", f"{version}  {path}")


def first_line(argv: list[str]) -> str | None:
    """What a program prints first; None when it does not start or fails."""
    try:
        done = subprocess.run(
            argv,
            check=False,
            capture_output=True,
            text=True,
            timeout=_TIME_LIMIT_S,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.strip().splitlines()
    return (lines[0] if lines else "") if done.returncode == 0 else None


def cache_folder() -> Iterator[Finding]:
    """Where environments are kept."""
    folder = cache.cache_dir()
    problem = why_not_writable(folder)
    if problem is not None:
        yield error(
            "cache",
            f"{folder} cannot be written: {problem}",
            "make it writable, or name another folder with RUNYARD_CACHE_DIR",
        )
        return
    yield ok("cache", f"{folder}, {_contents(folder)}")


def why_not_writable(folder: str) -> str | None:
    """What the system says to a new file in a folder that may be missing; None: it is fine."""
    place = os.path.abspath(folder)
    while not os.path.isdir(place):
        if os.path.lexists(place):
            return f"{place} is not a folder"
        place = os.path.dirname(place)
    try:
        with tempfile.TemporaryFile(dir=place):
            return None
    except OSError as failure:
        return failure.strerror or str(failure)


def _contents(folder: str) -> str:
    try:
        built = os.listdir(os.path.join(folder, "environments"))
    except OSError:
        built = []
    count = sum(1 for name in built if cache.built(name) is not None)
    n_bytes, whole = size_of(folder)
    return (
        f"{formats.count(count, 'environment')}, {'' if whole else 'over '}{formats.size(n_bytes)}"
    )


def size_of(folder: str) -> tuple[int, bool]:
    """Bytes below a folder (a file with several names counts once), and whether that is all."""
    deadline = time.monotonic() + _MEASURE_LIMIT_S
    total, seen, pending = 0, set(), [folder]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
                continue
            with contextlib.suppress(OSError):  # a build goes on, and has removed it
                state = entry.stat(follow_symlinks=False)
                total += 0 if state.st_ino in seen else state.st_size
                seen.add(state.st_ino)
        if pending and time.monotonic() > deadline:
            return total, False
    return total, True


def programs() -> Iterator[Finding]:
    """Programs that some runs use."""
    yield _program("git", "commits are read without it, changes to them are not noticed")


def _program(name: str, without: str) -> Finding:
    path = shutil.which(name)
    if path is None:
        return warning(name, f"not here: {without}", f"install {name}")
    return ok(name, f"{first_line([path, '--version']) or 'version unknown'}  {path}")
