"""``runyard rerun``."""

from __future__ import annotations

import warnings

import click

from runyard.cli import facts, launching, output, request
from runyard.cli.run_names import RUN
from runyard.cli.settings import Command, json_option
from runyard.config.resubmission import resubmit


@click.command("rerun", cls=Command)
@click.argument("run", type=RUN)
@click.option(
    "--env",
    metavar="NAME=VALUE",
    multiple=True,
    help="A variable for the script; secret values are not kept with a run and come from here or "
    "from this shell; repeatable.",
)
@click.option("--refresh", is_flag=True, help="Resolve unpinned packages again, build anew.")
@click.option("--follow", "-f", is_flag=True, help="Show the log until the run ends.")
@json_option
@click.pass_context
def command(  # noqa: PLR0917
    ctx: click.Context,
    /,
    run: str,
    env: tuple[str, ...],
    refresh: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """Start a run again from its own snapshot.

    The new run has the source, arguments, environment and tags of the old one, whatever became
    of the folder it was submitted from.

    \b
    runyard rerun last
    runyard rerun --follow digits_1767225600_1a2b3c4d
    """
    old = facts.named(run)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        new = resubmit(old.run, request.variables(env), refresh=refresh)
    told = [str(warning.message) for warning in caught]
    for text in told:
        output.warning(text)
    launching.after_start(ctx, new, follow, as_json, told=told)
