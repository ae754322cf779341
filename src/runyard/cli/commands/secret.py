"""``runyard secret``: the secrets of the workspace."""

from __future__ import annotations

import sys

import click

from runyard.cli import opening, output
from runyard.cli.settings import Command, common_options, json_option
from runyard.errors import UserErrorException
from runyard.job.keyvault import Keyvault


@click.group("secret")
def command() -> None:
    """Set, list and delete secrets of the workspace.

    Scripts read them with run.get_secret(NAME).

    \b
    runyard secret set db-password
    runyard secret set db-password < password.txt
    runyard secret list
    """


command.params.extend(common_options())


@command.command("set", cls=Command)
@click.argument("name")
@click.argument("value", required=False, metavar="")
def set_command(name: str, value: str | None) -> None:
    """Keep a secret; its value is asked for, or read from standard input.

    One line break at the end of what is read is not part of it.
    """
    if value is not None:
        raise UserErrorException(
            "the value of a secret is no argument: others see it in the list of processes, and "
            f"the shell keeps it. Type it when asked, or pipe it: runyard secret set {name} < FILE"
        )
    vault = Keyvault(opening.existing_directory())
    vault.set_secret(name, _value(name))
    output.notice(f"secret {name!r} is set")


@command.command("list", cls=Command)
@json_option
def list_command(as_json: bool) -> None:
    """List the names of the secrets; values are never shown."""
    names = Keyvault(opening.existing_directory()).list_secrets()
    if as_json:
        output.to_json(names)
    elif not names:
        output.notice("no secrets yet; runyard secret set NAME adds one")
    else:
        output.text("\n".join(names))


@command.command("delete", cls=Command)
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
def delete_command(names: tuple[str, ...]) -> None:
    """Remove secrets. When one is not there, none is removed."""
    vault = Keyvault(opening.existing_directory())
    known = {name.lower() for name in vault.list_secrets()}
    for name in names:
        if name.lower() not in known:
            raise UserErrorException(
                f"there is no secret {name!r}; runyard secret list shows those there are"
            )
    vault.delete_secrets(names)


def _value(name: str) -> str:
    if sys.stdin.isatty():
        asked = f"Value of {name}"
        return str(click.prompt(asked, hide_input=True, confirmation_prompt="Once more", err=True))
    text = sys.stdin.read().removesuffix("\n")
    if not text:
        raise UserErrorException(
            f"there is nothing on standard input to set {name!r} to; pipe the value, or type the "
            "command at a terminal"
        )
    return text
