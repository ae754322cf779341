"""``runyard reindex``."""

from __future__ import annotations

import click

from runyard.cli import formats, opening, output
from runyard.cli.settings import Command, json_option
from runyard.history.index import reindex
from runyard.history.index_place import index_path


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
    place = index_path(directory)
    if as_json:
        output.to_json({"runs": number, "index": place})
        return
    output.text(f"{formats.count(number, 'run')} indexed in {place}")
