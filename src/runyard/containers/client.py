"""The command line of an engine as a process: its output, line by line."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from runyard.containers import words
from runyard.containers.errors import EngineError

Say = Callable[[str], object]

_END_S = 10.0
_AGAIN_S = 0.5
_KEPT_LINES = 200


def ask(
    argv: Sequence[str], *, input: str | None = None, timeout_s: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run a short command to its end; raises EngineError when it does not start or not end.

    Run once more where somebody has killed it: the engine is as it was.
    """
    name = os.path.basename(argv[0])
    run = partial(
        subprocess.run,
        argv,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout_s,
        input=input or "",
    )
    try:
        done = run()
        return run() if done.returncode == -signal.SIGKILL else done
    except subprocess.TimeoutExpired:
        raise EngineError(
            "engine",
            f"{name} did not answer within {timeout_s:g} s to: {name} {' '.join(argv[1:3])}",
            f"See whether it works at all: {name} info",
        ) from None
    except OSError as failure:
        raise not_started(argv[0], failure) from failure


def not_started(program: str, failure: OSError) -> EngineError:
    """The error for an engine's program that the system does not start."""
    return EngineError(
        "engine",
        f"{program} cannot be started: {failure.strerror or failure}",
        "Install docker or podman, or name the one to use with RUNYARD_CONTAINER_ENGINE",
    )


def follow(
    argv: Sequence[str],
    say: Say,
    *,
    variables: Mapping[str, str] | None = None,
    input: str | None = None,
    folder: str | None = None,
    kill: bool = False,
) -> tuple[int, str]:
    """Run a command, hand every line of its output to ``say``; return exit code and last lines.

    ``variables`` are added to the environment of the client, which is started in ``folder`` (None:
    the current one). When ``say`` raises, or a signal handler does, the client and what it started
    are ended: gently, or at once with ``kill``.
    """
    environment = {**os.environ, **(variables or {})}
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
            start_new_session=True,
            text=True,
            errors="replace",
        )
    except OSError as failure:
        raise not_started(argv[0], failure) from failure
    try:
        _hand_over(process, input)
        kept = _pass_on(process, say)
        return process.wait(), "\n".join(kept)
    finally:
        _end(process, kill)


def cleaned(say: Say) -> Say:
    """A ``say`` that passes on an engine's own lines without colours and notes of no use."""

    def said(line: str) -> None:
        text = words.plain(line)
        if text or not line.strip():
            say(text)

    return said


def _hand_over(process: subprocess.Popen[str], text: str | None) -> None:
    if text is None:
        return
    assert process.stdin is not None
    try:
        process.stdin.write(text)
        process.stdin.close()
    except BrokenPipeError:  # it ended without reading: its words say why
        pass


def _pass_on(process: subprocess.Popen[str], say: Say) -> deque[str]:
    assert process.stdout is not None
    kept: deque[str] = deque(maxlen=_KEPT_LINES)
    for line in process.stdout:
        kept.append(line.rstrip("\n"))
        say(kept[-1])
    return kept


def _end(process: subprocess.Popen[str], kill: bool) -> None:
    if process.poll() is None:
        below = _below(process.pid)
        if not kill:
            below |= _ask_to_end(process)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        _kill(below)
    if process.stdout is not None:
        process.stdout.close()


def _ask_to_end(process: subprocess.Popen[str]) -> set[_Process]:
    """Signal those the client started, or the client when there are none; return all seen below it.

    A podman that is signalled itself leaves the step of its build running; one whose step ends
    clears up.
    """
    end = time.monotonic() + _END_S
    below: set[_Process] = set()
    while process.poll() is None and time.monotonic() < end:
        below |= _below(process.pid)
        group = [found.pid for found in below if found.group == process.pid]
        for pid in group or [process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_AGAIN_S)
    return below


class _Process(NamedTuple):
    """A process; ``start``, in ticks, tells it from a later one of the same id."""

    pid: int
    parent: int
    group: int
    start: int


def _below(root: int) -> set[_Process]:
    """All processes that descend from a process, whatever group or session they are in."""
    children: dict[int, list[_Process]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        found = _process(int(name))
        if found is not None:
            children.setdefault(found.parent, []).append(found)
    below: set[_Process] = set()
    waiting = [root]
    while waiting:
        found_here = children.get(waiting.pop(), [])
        below.update(found_here)
        waiting.extend(process.pid for process in found_here)
    return below


def _process(pid: int) -> _Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            # Behind the name of the program, which may hold anything: state, parent, group, ...
            fields = stream.read().rpartition(b")")[2].split()
        return _Process(pid, int(fields[1]), int(fields[2]), int(fields[19]))
    except (OSError, IndexError):
        return None


def _kill(processes: set[_Process]) -> None:
    """Kill those that are still there: a step of a build that nobody waits for any more."""
    for process in processes:
        now = _process(process.pid)
        if now is not None and now.start == process.start:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, signal.SIGKILL)
