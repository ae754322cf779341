"""``runyard init``."""

from __future__ import annotations

from pathlib import Path

import click

from runyard.cli import completing, output, settings
from runyard.cli.settings import Command, json_option
from runyard.history import workspace_folder as folder
from runyard.history.workspace import Workspace


@click.command("init", cls=Command)
@click.argument("name", required=False)
@click.option(
    "--path",
    metavar="DIR",
    shell_complete=completing.folders,
    help="Where to make it. Default: the current directory.",
)
@json_option
def command(name: str | None, path: str | None, as_json: bool) -> None:
    """Make a workspace, the folder that keeps runs and models.

    It is the folder .runyard in DIR, called NAME (default: after DIR). A workspace that is there
    already is left as it is.

    \b
    runyard init
    runyard init digits --path ~/projects/digits
    """
    place = Path(path or settings.current().workspace or ".").expanduser().absolute()
    directory = folder.folder_at(place)
    there = folder.is_workspace(directory)
    chosen = name or (folder.read(directory)["name"] if there else folder.name_for(place))
    workspace = Workspace.create(chosen, path=directory.path, exist_ok=True)
    if as_json:
        output.to_json({"name": workspace.name, "path": workspace.path, "made": not there})
        return
    output.text(f"workspace {workspace.name} in {workspace.path}")
    output.notice("It was there already." if there else "Start a run: runyard submit -f train.py")
