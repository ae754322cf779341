"""``runyard files``."""

from __future__ import annotations

import os

import click

from runyard.cli import facts, formats, output, table
from runyard.cli.run_names import RUN
from runyard.cli.settings import Command, json_option
from runyard.cli.table import Column
from runyard.record import files


@click.command("files", cls=Command)
@click.argument("run", type=RUN)
@json_option
def command(run: str, as_json: bool) -> None:
    """List the files of a run.

    What the script left in outputs/ and logs/, what it uploaded, and the run's own logs.

    \b
    runyard files last
    runyard files last --json | jq -r .[].name
    """
    directory = facts.named(run).run
    sizes = [(name, _size(files.path_of(directory, name))) for name in files.names(directory)]
    if as_json:
        output.to_json([{"name": name, "size_bytes": size} for name, size in sizes])
        return
    columns = (Column("size", right=True), Column("name"))
    table.show(columns, [[formats.size(size or 0), name] for name, size in sizes])


def _size(path: str) -> int | None:
    """Bytes; None for a link that leads nowhere."""
    try:
        return os.stat(path).st_size
    except OSError:
        return None
