"""``runyard export``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from runyard.cli import completing, formats, opening, output, run_names
from runyard.cli.run_names import RUN
from runyard.cli.settings import Command, json_option


@click.command("export", cls=Command)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=RUN)
@click.argument("file", metavar="FILE", shell_complete=completing.files)
@click.option("--no-children", is_flag=True, help="Without the child runs of the runs.")
@json_option
def command(runs: tuple[str, ...], file: str, no_children: bool, as_json: bool) -> None:
    """Write runs to a tar archive, for another workspace.

    Whole: source, metrics, logs, outputs, notes, and their child runs. FILE ends in .tar, or in
    .tar.gz to be compressed; - is stdout. The same runs give the same bytes.

    \b
    runyard export last @2 runs.tar.gz
    runyard export last - | ssh elsewhere 'cd project && runyard import -'
    """
    workspace = opening.existing()
    chosen = [run_names.resolve(workspace, name) for name in runs]
    if file == "-":
        if output.is_terminal():
            raise click.UsageError("an archive is not for a terminal; give a FILE, or a pipe")
        written = workspace.export_runs(
            chosen, sys.stdout.buffer, children=not no_children, warn=output.warning
        )
        output.notice(f"{formats.count(len(written), 'run')} written")
        return
    written = workspace.export_runs(
        chosen, Path(file), children=not no_children, warn=output.warning
    )
    size = Path(file).stat().st_size
    if as_json:
        output.to_json({"file": str(Path(file).absolute()), "size_bytes": size, "runs": written})
        return
    output.text(f"{formats.count(len(written), 'run')} written to {file}, {formats.size(size)}")
