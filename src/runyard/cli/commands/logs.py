"""``runyard logs``."""

from __future__ import annotations

import click

from runyard.cli.run_names import RUN
from runyard.cli.settings import Command


@click.command("logs", cls=Command)
@click.argument("run", type=RUN)
@click.option("--follow", "-f", is_flag=True, help="Go on until the run has ended.")
@click.option("--log", "name", metavar="NAME", help="Another log: environment, runner, logs/….")
@click.option("-n", "lines", type=click.IntRange(min=0), metavar="N", help="Only the last N lines.")
def command(run: str, follow: bool, name: str | None, lines: int | None) -> None:
    """Print the log of a run, or follow it.

    It is what the script printed; of a run whose script never started, the log of its
    environment. Ctrl-C ends only the printing.

    \b
    runyard logs last
    runyard logs -f -n 20 last
    runyard logs last --log environment
    """
    from runyard.cli import finding, log_printing

    log_printing.show(finding.run_facts(run), name, follow=follow, last_lines=lines)
