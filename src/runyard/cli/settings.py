"""Options of every command: the workspace, ``--debug``; and ``--json`` of those with data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from runyard.cli import completing


@dataclass
class Settings:
    """The options that may stand before the command or after it.

    ``workspace``: folder given by the user, None: looked for from the current directory upwards.
    ``debug``: show tracebacks.
    """

    workspace: str | None = None
    debug: bool = False


def of(ctx: click.Context) -> Settings:
    """The settings of this invocation."""
    root = ctx.find_root()
    if not isinstance(root.obj, Settings):
        root.obj = Settings()
    return root.obj


def current() -> Settings:
    """The settings of the command that is running."""
    return of(click.get_current_context())


def _remember(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value:
        setattr(of(ctx), str(parameter.name), value)


def common_options(environment: bool = False) -> list[click.Parameter]:
    """``--workspace`` and ``--debug``; RUNYARD_WORKSPACE counts where ``environment`` is True."""
    return [
        click.Option(
            ["--workspace", "-w"],
            metavar="DIR",
            shell_complete=completing.folders,
            envvar="RUNYARD_WORKSPACE" if environment else None,
            expose_value=False,
            callback=_remember,
            # Values are remembered before they are used by the completion of run ids.
            is_eager=True,
            help="The folder of the workspace, or the one it lies in. Default: RUNYARD_WORKSPACE, "
            "else .runyard here or in a folder above.",
        ),
        click.Option(
            ["--debug"],
            is_flag=True,
            expose_value=False,
            callback=_remember,
            is_eager=True,
            help="Show the traceback of an error.",
        ),
    ]


class Command(click.Command):
    """A command that takes the common options as well."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(common_options())


json_option = click.option(
    "as_json", "--json", is_flag=True, help="Print JSON to stdout; notices go to stderr."
)
