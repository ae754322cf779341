"""``runyard models``."""

from __future__ import annotations

import click

from runyard.cli.settings import Command, json_option


@click.command("models", cls=Command)
@click.argument("name", required=False)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """List registered models.

    Without NAME the latest version of each, with it all versions of that model.

    \b
    runyard models
    runyard models digits --json
    """
    from runyard.cli import model_list

    model_list.show(name, as_json)
