"""``runyard reindex``."""

from __future__ import annotations

import click

from runyard.cli import formats, opening, output
from runyard.cli.settings import Command, json_option
from runyard.history.index import reindex


@click.command("reindex", cls=Command)
@json_option
def command(as_json: bool) -> None:
    """Build the workspace's index anew.

    The index is only a copy of what the run directories say, kept to list runs quickly. It is
    never needed to do this by hand, and never does harm.

    \b
    runyard reindex
    """
    directory = opening.existing_directory()
    number = reindex(directory)
    if as_json:
        output.to_json({"runs": number, "index": directory.index})
        return
    output.text(f"{formats.count(number, 'run')} indexed in {directory.index}")
