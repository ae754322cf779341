"""``runyard metrics``."""

from __future__ import annotations

import click

from runyard.cli.run_names import RUN
from runyard.cli.settings import Command, json_option


@click.command("metrics", cls=Command)
@click.argument("run", type=RUN)
@click.argument("name", required=False)
@json_option
def command(run: str, name: str | None, as_json: bool) -> None:
    """Show the metrics of a run.

    Without NAME the latest value of each; with it every value of that metric. In JSON, NaN and
    the infinities, which it does not have, are the strings "NaN", "Infinity" and "-Infinity".

    \b
    runyard metrics last
    runyard metrics last loss
    runyard metrics last --json | jq .accuracy
    """
    from runyard.cli import finding, metric_view

    metric_view.show(finding.run_facts(run).run, name, as_json)
