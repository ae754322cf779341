"""What ``runyard datastore register`` is told of a storage, with secrets that nobody sees."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

import click

from runyard.errors import UserErrorException


def check_url(url: str) -> None:
    """Raise UserErrorException for a URL with a password."""
    parts = urlsplit(url) if "://" in url else None
    if parts is not None and parts.password is not None:
        raise UserErrorException(
            "the URL has a password, which others on this machine see; leave it out of the URL, "
            "and give --secret password, which asks for it, or --secret password=VARIABLE"
        )


def given(options: Sequence[str], secrets: Sequence[str]) -> dict[str, str]:
    """The options of `Datastore.register`; secrets are asked for, or read from variables.

    Raises UserErrorException for a secret among the options, and one that cannot be had.
    """
    from runyard.data import credentials

    found: dict[str, str] = {}
    for text in options:
        name, is_there, value = text.partition("=")
        if credentials.is_secret(name):
            raise UserErrorException(
                f"--option {name} would show a secret to others on this machine; give --secret "
                f"{name}, which asks for it, or --secret {name}=VARIABLE"
            )
        if not name or not is_there:
            raise UserErrorException(
                f"--option {text!r} has no value; give KEY=VALUE, such as region=eu-west-1"
            )
        found[name] = value
    for text in secrets:
        name, _, variable = text.partition("=")
        found[name] = _from_variable(name, variable) if variable else _asked(name)
    return found


def _from_variable(name: str, variable: str) -> str:
    value = os.environ.get(variable)
    if value:
        return value
    raise UserErrorException(
        f"--secret {name}={variable if variable.isidentifier() else '…'}: there is no environment "
        f"variable of that name; give the name of one that has the value, or --secret {name}"
    )


def _asked(name: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(f"Value of {name}", hide_input=True, err=True))
    raise UserErrorException(
        f"--secret {name} asks for its value, and there is no terminal; give --secret "
        f"{name}=VARIABLE with the name of an environment variable that has it"
    )
