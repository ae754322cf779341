"""``runyard show``."""

from __future__ import annotations

import click

from runyard.cli.run_names import RUN
from runyard.cli.settings import Command, json_option


@click.command("show", cls=Command)
@click.argument("run", type=RUN)
@json_option
def command(run: str, as_json: bool) -> None:
    """Show everything about one run.

    Status and reason, the error with its place in the script, times, source, environment,
    arguments, tags, files, and what to type next.

    \b
    runyard show last
    runyard show last --json | jq -r .error.message
    """
    from runyard.cli import finding

    found = finding.run_facts(run)
    if as_json:
        from runyard.cli import output, summary

        output.to_json(summary.of_run(found))
        return
    from runyard.cli import run_view

    run_view.show(found)
