"""``runyard runs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runyard.cli.settings import Command, json_option
from runyard.record.states import Status

if TYPE_CHECKING:
    from runyard.cli.run_list import Filter

_STATUSES = [*(status.value for status in Status), "Damaged"]


@click.command("runs", cls=Command)
@click.option("--experiment", "-e", metavar="NAME", help="Only runs of this experiment.")
@click.option(
    "--status",
    type=click.Choice(_STATUSES, case_sensitive=False),
    metavar="STATUS",
    help="Only runs with this status: Running, Completed, Failed, Canceled, …",
)
@click.option(
    "--tag", metavar="KEY[=VALUE]", multiple=True, help="Only runs with this tag; repeatable."
)
@click.option(
    "-n",
    "limit",
    type=click.IntRange(min=1),
    metavar="N",
    default=20,
    show_default=True,
    help="At most so many.",
)
@click.option("--all", "everything", is_flag=True, help="All runs, child runs too.")
@json_option
def command(  # noqa: PLR0917
    experiment: str | None,
    status: str | None,
    tag: tuple[str, ...],
    limit: int,
    everything: bool,
    as_json: bool,
) -> None:
    """List runs, newest first.

    \b
    runyard runs
    runyard runs -e digits --status failed
    runyard runs --tag stage=final --all --json
    """
    from runyard.cli import opening, run_list

    wanted: Filter = run_list.Filter(experiment, status, tag, None if everything else limit)
    workspace = opening.existing()
    entries = run_list.select(workspace, wanted, children=everything)
    if as_json:
        run_list.print_json(workspace, entries)
    else:
        run_list.print_table(workspace, entries, wanted)
