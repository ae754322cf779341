"""A throw-away container of an image, in which packages are installed."""

from __future__ import annotations

import contextlib
import os
import subprocess

from runyard.containers.command import Mount, run_command
from runyard.environments.uv_program import Uv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runyard.containers.engine import Engine

FOLDER = "/opt/runyard-build"
"""Where in the container the tools of the build are; nothing of it gets into the image."""

NO_SHELL = (126, 127)
"""Exit codes of an engine that cannot start the program below."""

# Variables come through standard input, where neither ps nor `inspect` shows them. It stays open
# as long as the builder lives: when that is killed, the container ends by itself.
_FEED = """
umask 022
exec 3<&0
while IFS= read -r line && [ "$line" != . ]; do export "$line"; done
trap 'exit 143' TERM INT HUP
{ cat <&3 >/dev/null; kill -TERM 1; } &
"$@" </dev/null 3<&- &
wait $!
"""
_KILLED = 128


class Container(Uv):
    """A command at work in a container of its own, as uv is on this machine.

    ``variables`` get to the command alone. The container is removed when the command has ended,
    when the ``with`` block is left by an exception, and when this process is killed.
    """

    def __init__(
        self,
        engine: Engine,
        image: str,
        command: Iterable[str],
        variables: Mapping[str, str],
        *,
        name: str,
        mounts: Iterable[Mount],
        labels: Mapping[str, str],
    ) -> None:
        self._engine = engine
        self._name = name
        argv = run_command(
            engine,
            image,
            ["/bin/sh", "-c", _FEED, "sh", *command],
            name=name,
            workdir="/",
            mounts=tuple(mounts),
            labels=labels,
            interactive=True,
        )
        self._process = subprocess.Popen(
            [*argv[:2], "--rm", *argv[2:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
        )
        self._feed(variables)

    def written_bytes(self) -> int:
        """Not known of a process in a container."""
        return 0

    def __exit__(self, *_: object) -> None:
        process = self._process
        self._close_input()
        if process.poll() is None:
            process.terminate()
            self._engine.remove(self._name)
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _feed(self, variables: Mapping[str, str]) -> None:
        lines = [
            f"{name}={value}\n"
            for name, value in variables.items()
            if name.isidentifier() and "\n" not in value
        ]
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it did not start: its words say why
            self._process.stdin.write(os.fsencode("".join([*lines, ".\n"])))
            self._process.stdin.flush()

    def _close_input(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()


def signal_or_code(exit_code: int) -> int:
    """The exit code as of a process here: negative for the signal that ended it."""
    return _KILLED - exit_code if _KILLED < exit_code < _KILLED + 32 else exit_code
