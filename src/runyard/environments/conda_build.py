"""The conda part of a build, in a process of its own that can be ended at any moment."""

from __future__ import annotations

import json
import os
import signal
import sys

from runyard.environments import build_failure, uv_program
from runyard.environments.build_failure import BuildFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from runyard.environments.spec import EnvironmentSpec

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def make(spec: EnvironmentSpec, prefix: str, say: Callable[[str], object]) -> dict[str, Any]:
    """Install the conda packages of the spec into ``prefix``; what ``conda_solve.make`` returns.

    In a child, because the library's threads would go on writing after an exception here. The
    child dies with this process, and holds the build lock until it is gone. Raises BuildFailure.
    """
    uv_program.add_site_packages()
    die_with_parent = uv_program.death_with_parent()
    reader, writer = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _child(spec, prefix, say, writer, die_with_parent)
    os.close(writer)
    return _answer(pid, reader, prefix)


def _answer(pid: int, reader: int, prefix: str) -> dict[str, Any]:
    try:
        with open(reader, "rb") as pipe:
            text = pipe.read()
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except BaseException:
        _end(pid)
        raise
    if code == -signal.SIGXFSZ:
        raise build_failure.disk_full(prefix)
    if not text:
        raise BuildFailure(
            "killed",
            f"The conda solver ended with code {code} in the middle of the build",
            hint="The machine may have run out of memory" if code == -signal.SIGKILL else "",
        )
    answer: dict[str, Any] = json.loads(text)
    if "error" in answer:
        raise BuildFailure(**answer["error"])
    return answer


def _end(pid: int) -> None:
    """End the child and what it started, and wait until it writes no more."""
    for end, target in ((os.killpg, pid), (os.kill, pid)):
        try:
            end(target, signal.SIGKILL)
        except ProcessLookupError:
            continue
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return


def _child(
    spec: EnvironmentSpec,
    prefix: str,
    say: Callable[[str], object],
    writer: int,
    die_with_parent: Callable[[], None] | None,
) -> NoReturn:
    code = 1
    try:
        os.setpgid(0, 0)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        if die_with_parent is not None:
            die_with_parent()
        answer = _made(spec, prefix, say)
        with open(writer, "wb") as pipe:
            pipe.write(json.dumps(answer).encode())
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc(file=sys.stdout)
    finally:
        sys.stdout.flush()
        os._exit(code)


def _made(spec: EnvironmentSpec, prefix: str, say: Callable[[str], object]) -> dict[str, Any]:
    try:
        from runyard.environments import conda_solve

        return conda_solve.make(spec, prefix, say)
    except BuildFailure as failure:
        return {"error": failure.as_dict()}
    except OSError as error:
        return {"error": build_failure.of_os_error(error, prefix).as_dict()}
