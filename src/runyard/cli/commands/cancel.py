"""``runyard cancel``."""

from __future__ import annotations

import click

from runyard.cli.run_names import RUN
from runyard.cli.settings import Command, json_option


@click.command("cancel", cls=Command)
@click.argument("runs", type=RUN, metavar="RUN...", nargs=-1, required=True)
@click.option("--no-wait", is_flag=True, help="Only ask; do not wait until they have ended.")
@json_option
def command(runs: tuple[str, ...], no_wait: bool, as_json: bool) -> None:
    """End runs.

    Every process of a run gets SIGTERM, and after a grace period of 10 s SIGKILL. The command
    returns when the runs have ended.

    \b
    runyard cancel last
    runyard cancel @1 @2 --no-wait
    """
    from runyard.cli import cancelling

    cancelling.cancel(runs, wait=not no_wait, as_json=as_json)
