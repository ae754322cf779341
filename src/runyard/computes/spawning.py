"""Starting a program without ``subprocess``, which takes 4 ms of a runner's way to its script."""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, Protocol

    class Started(Protocol):
        """A process that was started: ``Child``, or ``subprocess.Popen``."""

        pid: int
        returncode: int | Any

        def poll(self) -> int | None:
            """The exit code, negative for a signal; None while the process runs."""

        def wait(self, timeout: float | None = None) -> int:
            """Wait for the end, so many seconds; raises ``subprocess.TimeoutExpired``."""

        def kill(self) -> None:
            """Send SIGKILL to a process that has not been seen to end."""
else:
    import _signal as signal  # what signal is made of, without enum

DEVNULL = -3
"""As in subprocess: no input."""

_AS_BEFORE_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
"""What Python ignores, and programs that it starts should not."""


class Child:
    """A process that ``spawn`` has started; as much of ``subprocess.Popen`` as is needed."""

    def __init__(self, pid: int, argv: Sequence[str]) -> None:
        self.pid = pid
        self.args = argv
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while the process runs."""
        return self._wait(os.WNOHANG)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, so many seconds; raises ``subprocess.TimeoutExpired``."""
        until = None if timeout is None else time.monotonic() + timeout
        while (code := self._wait(0 if until is None else os.WNOHANG)) is None:
            if until is not None and time.monotonic() >= until:
                import subprocess

                raise subprocess.TimeoutExpired(list(self.args), timeout or 0.0)
            time.sleep(0.01)
        return code

    def kill(self) -> None:
        """Send SIGKILL to a process that has not been seen to end."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def _wait(self, options: int) -> int | None:
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, options)
            except ChildProcessError:  # somebody else has collected it, as Popen says then
                self.returncode = 0
            else:
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode


def spawn(
    argv: Sequence[str], env: Mapping[str, str], cwd: str, log_fd: int, stdin_fd: int = DEVNULL
) -> Started:
    """Start a program in a session of its own, in folder ``cwd``, with nothing open but 0, 1, 2.

    Looked for on the PATH of ``env``. ``log_fd`` becomes its stdout and stderr. Raises OSError; of
    a program that is not there with its name as ``filename``.
    """
    _close_on_exec()
    given = (
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0)
        if stdin_fd == DEVNULL
        else (os.POSIX_SPAWN_DUP2, stdin_fd, 0)
    )
    actions = [given, *((os.POSIX_SPAWN_DUP2, log_fd, number) for number in (1, 2))]
    back = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.chdir(cwd)  # posix_spawn cannot; a runner has one thread and full paths
        return Child(_spawned(argv, env, actions), argv)
    except NotImplementedError:  # a Python built for Linux of before 2017 (glibc 2.26)
        return _by_subprocess(argv, env, cwd, log_fd, stdin_fd)
    finally:
        os.fchdir(back)
        os.close(back)


def _by_subprocess(
    argv: Sequence[str], env: Mapping[str, str], cwd: str, log_fd: int, stdin_fd: int
) -> Started:
    import subprocess

    return subprocess.Popen(
        argv,
        stdin=stdin_fd,
        stdout=log_fd,
        stderr=log_fd,
        cwd=cwd,
        env=env,
        start_new_session=True,
    )


def _spawned(argv: Sequence[str], env: Mapping[str, str], actions: Sequence[Any]) -> int:
    problem: OSError | None = None
    for path in _places(argv[0], env):
        try:
            return os.posix_spawn(
                path,
                list(argv),
                env,
                file_actions=actions,
                setsid=True,
                setsigmask=(),
                setsigdef=_AS_BEFORE_PYTHON,
            )
        except (FileNotFoundError, NotADirectoryError) as error:
            problem = problem or error
        except OSError as error:
            problem = error
    assert problem is not None
    raise type(problem)(problem.errno, problem.strerror, argv[0])


def _places(program: str, env: Mapping[str, str]) -> Iterator[str]:
    if "/" in program:
        yield program
    else:
        for folder in env.get("PATH", os.defpath).split(os.pathsep):
            yield os.path.join(folder, program)


def _close_on_exec() -> None:
    """What this process has inherited, and not opened itself, is not handed on either."""
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        if number > 2:
            try:
                os.set_inheritable(number, False)
            except OSError:  # that of the folder itself
                continue
