"""``runyard cancel``."""

from __future__ import annotations

import click

from runyard.cli import ending, facts, opening, output, run_names, summary
from runyard.cli.run_names import RUN
from runyard.cli.settings import Command, json_option
from runyard.computes import runner_process
from runyard.history.run import Run
from runyard.record.layout import RunDirectory


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
    workspace = opening.existing()
    # All names are looked up before anything is ended.
    named = {run.path: run for run in (run_names.resolve(workspace, name) for name in runs)}
    going = [run for run in named.values() if not facts.read(run).status.ended]
    for run in going:
        Run(run).cancel()
    for run in going:
        _say_stopped(run)
    if not no_wait:
        for run in going:
            Run(run).wait_for_completion(raise_on_error=False)
    found = [facts.read(run) for run in named.values()]
    if as_json:
        output.to_json([summary.in_short(item) for item in found])
        return
    for item in found:
        already = "" if item.run in going else ", it had ended before"
        output.text(f"{item.run.id}: {ending.coloured(item.status.value)}{already}")


def _say_stopped(run: RunDirectory) -> None:
    pid = runner_process.stopped(run)
    if pid is not None:
        output.notice(
            f"{run.id}: its runner, process {pid}, is stopped, and ends the run when it goes on: "
            f"kill -CONT {pid}"
        )
