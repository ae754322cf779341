"""``runyard completion``."""

from __future__ import annotations

import click

from runyard.cli.settings import Command

_VARIABLE = "_RUNYARD_COMPLETE"
_ENABLE = {
    "bash": 'add to ~/.bashrc:  eval "$(runyard completion bash)"',
    "zsh": 'add to ~/.zshrc, behind compinit:  eval "$(runyard completion zsh)"',
    "fish": "runyard completion fish > ~/.config/fish/completions/runyard.fish",
}


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(list(_ENABLE)))
@click.pass_context
def command(ctx: click.Context, /, shell: str) -> None:
    """Print the script for shell completion.

    It completes commands, options, files, and the names of runs, experiments, metrics, logs and
    models.

    \b
    eval "$(runyard completion bash)"       in ~/.bashrc
    eval "$(runyard completion zsh)"        in ~/.zshrc, behind compinit
    runyard completion fish > ~/.config/fish/completions/runyard.fish
    """
    from click.shell_completion import get_completion_class

    from runyard.cli import output

    completion = get_completion_class(shell)
    assert completion is not None
    script = completion(ctx.find_root().command, {}, "runyard", _VARIABLE).source()
    output.text(script)
    # At the end: zsh wants its own mark in the first line.
    output.text(f"# To enable it, {_ENABLE[shell]}")
