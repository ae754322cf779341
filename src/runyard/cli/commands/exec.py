"""``runyard exec``."""

from __future__ import annotations

import click

from runyard.cli import completing
from runyard.cli.settings import Command


@click.command(
    "exec",
    cls=Command,
    context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True},
)
@click.argument(
    "words",
    nargs=-1,
    required=True,
    metavar="COMMAND [ARGS]...",
    type=click.UNPROCESSED,
    shell_complete=completing.files,
)
def command(words: tuple[str, ...]) -> None:
    """Run a command in which `import azureml` finds runyard.

    In its children too, and in nothing else: no file is written. COMMAND may also be a Python
    script, which the interpreter of runyard runs, or a notebook, which is executed and kept with
    its output beside it (with papermill or nbconvert).

    \b
    runyard exec -- python submit.py
    runyard exec -- jupyter lab
    runyard exec submit.py --epochs 3
    runyard exec submit.ipynb
    """
    from runyard.cli import execution

    execution.execute(words)
