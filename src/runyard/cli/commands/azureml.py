"""``runyard azureml``: whether ``import azureml`` finds runyard in this environment."""

from __future__ import annotations

import click

from runyard.cli.settings import Command, common_options, json_option


@click.group("azureml")
def command() -> None:
    """Make azureml importable in this environment, or take that back.

    Inside runs and below `runyard exec` it is importable anyway.

    \b
    runyard azureml enable
    runyard azureml status
    runyard azureml disable
    """


command.params.extend(common_options())


@command.command("enable", cls=Command)
@click.option("--over", is_flag=True, help="Even where another azureml is installed: ours wins.")
def enable_command(over: bool) -> None:
    """Let every program of this environment import azureml.

    One file with one line in its folder of packages does it; nothing else is changed.
    """
    from runyard.cli import azureml_switch

    azureml_switch.enable(over)


@command.command("disable", cls=Command)
def disable_command() -> None:
    """Take `enable` back: what is installed as azureml is found again, or nothing."""
    from runyard.cli import azureml_switch

    azureml_switch.disable()


@command.command("status", cls=Command)
@json_option
def status_command(as_json: bool) -> None:
    """Say which azureml a program of this environment imports, and why."""
    from runyard.cli import azureml_switch

    azureml_switch.show(as_json)
