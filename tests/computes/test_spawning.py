"""A program started by ``spawn`` finds what one started by ``subprocess.Popen`` finds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import spawning

SEES = """
import json, os, signal, sys
words = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "argv": sys.argv[1:],
    "cwd": os.getcwd(),
    "open": sorted(map(int, os.listdir("/proc/self/fd")))[:-1],
    "input": sys.stdin.read(),
    "leads": [os.getpid() == os.getsid(0), os.getpid() == os.getpgrp()],
    "blocked": words["SigBlk"].strip(),
    # glibc's posix_spawn, so system(3) as well, leaves its own two, 32 and 33, ignored.
    "ignored": hex(int(words["SigIgn"], 16) & 0x7FFFFFFF),
    "own": os.environ.get("OWN"),
}))
"""


def by_spawn(
    argv: list[str], env: dict[str, str], cwd: str, log: int, stdin: int = spawning.DEVNULL
) -> int:
    return spawning.spawn(argv, env, cwd, log, stdin).wait()


def without_setsid(
    argv: list[str], env: dict[str, str], cwd: str, log: int, stdin: int = spawning.DEVNULL
) -> int:
    def refused(*_: object, **__: object) -> int:
        raise NotImplementedError("posix_spawn: setsid unavailable on this platform")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "posix_spawn", refused)
        return by_spawn(argv, env, cwd, log, stdin)


def by_subprocess(
    argv: list[str], env: dict[str, str], cwd: str, log: int, stdin: int = subprocess.DEVNULL
) -> int:
    return subprocess.run(
        argv, stdin=stdin, stdout=log, stderr=log, cwd=cwd, env=env, start_new_session=True
    ).returncode


def said(folder: Path, way: Callable[..., int], *, given: bytes | None = None) -> Any:
    path = folder / "log.txt"
    env = {**os.environ, "OWN": "mine"}
    leaking = os.dup(2)
    os.set_inheritable(leaking, True)
    stdin = os.memfd_create("input")
    os.write(stdin, given or b"")
    os.lseek(stdin, 0, os.SEEK_SET)
    with path.open("wb") as log:
        more = [stdin] if given else []
        code = way([sys.executable, "-c", SEES, "a b", "ü"], env, str(folder), log.fileno(), *more)
    os.close(leaking)
    os.close(stdin)
    assert code == 0, path.read_text()
    return json.loads(path.read_text())


@pytest.mark.parametrize("way", [by_spawn, without_setsid])
@pytest.mark.parametrize("given", [None, b"input"])
def test_what_a_program_finds(tmp_path: Path, way: Callable[..., int], given: bytes | None) -> None:
    here = Path.cwd()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as a runner has it
    try:
        found = said(tmp_path, way, given=given)
        assert found == said(tmp_path, by_subprocess, given=given)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert found["open"] == [0, 1, 2]
    assert found["leads"] == [True, True]
    assert found["cwd"] == str(tmp_path)
    assert Path.cwd() == here


def failure(way: Callable[..., int], argv: list[str], env: dict[str, str], cwd: str) -> Any:
    with pytest.raises(OSError) as caught:  # noqa: PT011
        way(argv, env, cwd, 2)
    return type(caught.value), caught.value.errno, caught.value.filename


@pytest.mark.parametrize("program", ["nothing-of-this-name", "/no/such/program", "plain", "text"])
def test_what_cannot_be_started(tmp_path: Path, program: str) -> None:
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    (tmp_path / "text").write_text("no program\n")
    (tmp_path / "text").chmod(0o755)
    env = {"PATH": f"/nowhere:{tmp_path}"}
    assert failure(by_spawn, [program], env, str(tmp_path)) == failure(
        by_subprocess, [program], env, str(tmp_path)
    )


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    assert failure(by_spawn, ["true"], dict(os.environ), gone) == (FileNotFoundError, 2, gone)
    assert failure(by_subprocess, ["true"], dict(os.environ), gone)[2] == gone


def test_a_program_is_looked_for_on_its_own_path(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\nexit 7\n")
    (tmp_path / "tool").chmod(0o755)
    assert by_spawn(["tool"], {"PATH": f"/nowhere:{tmp_path}"}, "/", 2) == 7


def test_how_a_program_ends(tmp_path: Path) -> None:
    child = spawning.spawn(["sleep", "60"], dict(os.environ), str(tmp_path), 2)
    assert child.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.02)
    child.kill()
    assert (child.wait(), child.poll(), child.returncode) == (-9, -9, -9)
    child.kill()  # nobody else has that number now
    other = spawning.spawn(["true"], dict(os.environ), str(tmp_path), 2)
    os.waitpid(other.pid, 0)
    assert other.wait() == 0
