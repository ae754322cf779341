"""``runyard download``."""

from __future__ import annotations

import click

from runyard.cli.run_names import RUN
from runyard.cli.settings import Command, json_option


@click.command("download", cls=Command)
@click.argument("run", type=RUN)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--output", "-o", "folder", metavar="DIR", help="Default: a folder named as the run.")
@click.option("--prefix", metavar="P", help="Files whose names begin so, such as outputs/.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
@json_option
def command(  # noqa: PLR0917
    run: str,
    names: tuple[str, ...],
    folder: str | None,
    prefix: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Copy files of a run to a folder.

    NAME is a file as `runyard files` lists it, or a folder of them; without NAME and --prefix it
    is all files. Their folders are kept: outputs/model.pkl becomes DIR/outputs/model.pkl.

    \b
    runyard download last
    runyard download last outputs/model.pkl -o here
    runyard download last --prefix logs/
    """
    from runyard.cli import finding, run_files

    found = finding.run_facts(run).run
    chosen = run_files.choose(found, names, prefix)
    run_files.download(found, chosen, folder or found.id, overwrite=overwrite, as_json=as_json)
