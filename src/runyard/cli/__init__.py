"""The ``runyard`` command: click commands over the parts below, imported when they are used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from runyard.cli.leaving import leave
from runyard.cli.program import program

__all__ = ["main", "program"]


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; ``args`` without the program's name.

    Without them those of sys.argv: then this process is the command, and nothing runs behind it.
    """
    if args is not None:
        program.main(args=list(args), prog_name="runyard")
    try:
        program.main(prog_name="runyard")
    except SystemExit as end:
        leave(end.code)
