"""``runyard files``."""

from __future__ import annotations

import click

from runyard.cli.run_names import RUN
from runyard.cli.settings import Command, json_option


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
    from runyard.cli import finding, run_files

    run_files.show(finding.run_facts(run).run, as_json)
