"""The ``runyard`` command: click commands over the parts below, imported when they are used."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.cli.program import program

__all__ = ["main", "program"]


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit; ``args`` without the program's name, by default sys.argv's."""
    program.main(args=None if args is None else list(args), prog_name="runyard")
