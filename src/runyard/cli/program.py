"""The command group: names and one-line helps here, everything else imported on use."""

from __future__ import annotations

import importlib
import os
from typing import Any

import click
from click.shell_completion import CompletionItem

from runyard.cli import failures
from runyard.cli.nearest import nearest
from runyard.cli.settings import common_options

COMMANDS = {
    "init": "Make a workspace, the folder that keeps runs and models.",
    "submit": "Start a run of a script, a command or a YAML spec.",
    "runs": "List runs, newest first.",
    "show": "Show everything about one run.",
    "logs": "Print the log of a run, or follow it.",
    "cancel": "End runs.",
    "metrics": "Show the metrics of a run.",
    "files": "List the files of a run.",
    "download": "Copy files of a run to a folder.",
    "diff": "Compare two runs: source, environment, arguments, what they have read, metrics.",
    "rerun": "Start a run again from its own snapshot.",
    "models": "List registered models.",
    "datastore": "List and register datastores, and copy files to and from them.",
    "dataset": "List, register and read datasets.",
    "secret": "Set, list and delete secrets of the workspace.",
    "compute": "List, make, change and remove compute targets.",
    "env": "List, build, lock and remove environments.",
    "exec": "Run a command in which `import azureml` finds runyard.",
    "azureml": "Make azureml importable in this environment, or take that back.",
    "doctor": "Check this machine and the workspace.",
    "export": "Write runs to a tar archive, for another workspace.",
    "import": "Take runs from an archive of `runyard export`.",
    "gc": "Remove what nothing refers to: snapshots, caches, what killed processes left.",
    "verify": "Check that the workspace is whole.",
    "reindex": "Build the workspace's index anew.",
    "pythonpath": "Print the folder that lets any Python import Run.",
    "completion": "Print the script for shell completion.",
}
"""Kept here so that ``runyard --help`` imports no command; a test compares them."""


class Program(click.Group):
    """A group whose commands are imported on use, and whose errors are sentences."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order a new user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"runyard.cli.commands.{cmd_name}")
        found: click.Command = module.command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command for one that does not exist."""
        name = args[0]
        if name not in COMMANDS and not ctx.resilient_parsing and not name.startswith("-"):
            near = nearest(name, COMMANDS)
            hint = f"did you mean 'runyard {near}'?" if near else "runyard --help lists them"
            ctx.fail(f"there is no command {name!r}; {hint}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands without importing them, and options."""
        names = [name for name in COMMANDS if name.startswith(incomplete)]
        commands = [CompletionItem(name, help=COMMANDS[name]) for name in names]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what goes wrong becomes a message and an exit code."""
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        with failures.reported(ctx):
            return super().invoke(ctx)


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    import platform

    from runyard._version import __version__

    click.echo(f"runyard {__version__} (Python {platform.python_version()})")
    ctx.exit()


program = Program(
    name="runyard",
    help="""Run training scripts: on this machine, reproducibly, with nothing but pip install.

    \b
    runyard submit -f train.py --lr 0.1     start a run and watch it
    runyard runs                            what ran
    runyard show last                       how the latest went
    """,
    epilog="RUN in the commands is a run id, a part of one that is unique at its beginning or "
    "end, or: last, @1 (the latest), @2 (the one before), …",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    params=[
        *common_options(environment=True),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Print the version and exit.",
        ),
    ],
)
