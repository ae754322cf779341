"""One way to do the work of a scenario, and what is measured of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.beside import peers
from benchmarks.beside.missing import NotMeasured
from runyard import __version__

Sample = Mapping[str, float]
"""Key of a quantity → what was measured, in its unit."""


@dataclass(frozen=True)
class Place:
    """Where a contender works: ``folder`` is its own and empty, ``python`` is its interpreter."""

    folder: Path
    python: Path
    quick: bool = False

    def program(self, name: str) -> str:
        """A command that was installed beside the interpreter."""
        return str(self.python.parent / name)


Ready = Callable[[Place], AbstractContextManager[Callable[[], Sample]]]


def own_version() -> str:
    """runyard's own."""
    return f"runyard {__version__}"


def python_version() -> str:
    """The interpreter that all contenders use."""
    return f"Python {sys.version.split()[0]}"


def tool(*argv: str) -> Callable[[], str]:
    """The version of a program, from the first line of what it says; NotMeasured without it."""

    def version() -> str:
        try:
            done = subprocess.run(argv, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            raise NotMeasured(f"there is no {argv[0]} on this machine", argv[0]) from None
        return (done.stdout or done.stderr).splitlines()[0].strip()

    return version


@dataclass(frozen=True)
class Contender:
    """``ready(place)`` prepares, and yields the function that takes one sample.

    ``includes``: what the number is the price of, one sentence. ``peer``: the name of its pins;
    '' is the interpreter of this process. ``version``: how it is found out, for a peer its pin.
    ``quick``: also measured with --quick. ``rounds``: at most so many, for those that take long.
    ``apart``: keeps servers running, so it is measured after the others have ended.
    """

    name: str
    includes: str
    ready: Ready
    peer: str = ""
    version: Callable[[], str] = field(default=own_version)
    quick: bool = True
    rounds: int | None = None
    apart: bool = False

    def find_version(self) -> str:
        """Whose numbers these are. Raises NotMeasured where it is not to be had."""
        return f"{self.peer} {peers.version(self.peer)}" if self.peer else self.version()

    def find_python(self) -> Path:
        """Its interpreter; a peer is installed first. Raises NotMeasured where it cannot be."""
        return peers.python(self.peer) if self.peer else Path(sys.executable)
