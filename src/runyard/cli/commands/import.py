"""``runyard import``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from runyard.cli import completing, formats, opening, output
from runyard.cli.settings import Command, json_option
from runyard.history.transfer.importing import CLASHES, about


@click.command("import", cls=Command)
@click.argument("file", metavar="FILE", shell_complete=completing.files)
@click.option(
    "--clash",
    type=click.Choice(CLASHES),
    default="refuse",
    show_default=True,
    help="What becomes of runs whose ids are here already.",
)
@json_option
def command(file: str, clash: str, as_json: bool) -> None:
    """Take runs from an archive of `runyard export`.

    All of them, or none: an archive that is damaged, or has anything in it that `runyard export`
    does not write, is refused. Nothing of a run is started. - is stdin.

    \b
    runyard import runs.tar.gz
    runyard import --clash rename runs.tar.gz
    """
    workspace = opening.existing_or_made()
    source = sys.stdin.buffer if file == "-" else Path(file)
    done = workspace.import_runs(source, clash=clash)
    if as_json:
        output.to_json(about(done))
        return
    for old, (experiment, new) in done.runs.items():
        was = "" if new == old else f" (was {old})"
        output.text(f"{experiment}/{new}{was}")
    skipped = f", {len(done.skipped):,} skipped: here already" if done.skipped else ""
    output.notice(f"{formats.count(len(done.runs), 'run')} imported{skipped}")
