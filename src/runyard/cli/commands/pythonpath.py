"""``runyard pythonpath``."""

from __future__ import annotations

import os

import click

from runyard.cli import output
from runyard.cli.settings import Command


@click.command("pythonpath", cls=Command)
def command() -> None:
    """Print the folder that lets any Python import Run.

    In a run it is on PYTHONPATH already. It serves scripts that are started by hand with a Python
    (3.6 or later) in which runyard is not installed.

    \b
    runyard pythonpath
    PYTHONPATH=$(runyard pythonpath) python3.8 train.py
    """
    import runyard.job

    output.text(os.path.join(os.path.abspath(runyard.job.__path__[0]), "path"))
