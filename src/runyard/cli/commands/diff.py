"""``runyard diff``."""

from __future__ import annotations

import click

from runyard.cli.run_names import RUN
from runyard.cli.settings import Command, json_option


@click.command("diff", cls=Command)
@click.argument("first", type=RUN, metavar="RUN")
@click.argument("second", type=RUN, metavar="RUN")
@click.option("--text", is_flag=True, help="The source as a unified diff, nothing else.")
@json_option
def command(first: str, second: str, text: bool, as_json: bool) -> None:
    """Compare two runs: source, environment, arguments, metrics.

    Only what differs is shown: on the left the first run, on the right the second.

    \b
    runyard diff @2 @1
    runyard diff @2 @1 --text
    """
    from runyard.cli import comparison, comparison_view, finding

    one, two = finding.run_facts(first), finding.run_facts(second)
    if text and not as_json:
        comparison_view.show_text(comparison.text_diff(one, two))
        return
    found = comparison.compare(one, two)
    if as_json:
        lines = comparison.text_diff(one, two) if text else None
        comparison_view.print_json(one, two, found, lines)
    else:
        comparison_view.show(one, two, found)
