"""How errors reach the user: one sentence on stderr and an exit code, no traceback unasked."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import warnings
from collections.abc import Iterator
from typing import TextIO

import click

from runyard.cli import output, settings
from runyard.errors import RunyardError

WRONG_USE = 2
"""Exit code when what the user asked for cannot be done."""
DEFECT = 70
"""Exit code when runyard itself is at fault (EX_SOFTWARE of sysexits.h)."""
INTERRUPTED = 130
READER_GONE = 141
"""As a program that SIGPIPE ended: what ``runyard logs last | head`` gives."""


@contextlib.contextmanager
def reported(ctx: click.Context) -> Iterator[None]:
    """Turn exceptions of a command into messages; warnings become lines on stderr."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = _show_warning
        try:
            yield
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BaseException as error:
            code = _report(error, settings.of(ctx).debug)
            if code is None:
                raise
            ctx.exit(code)


def _report(error: BaseException, debug: bool) -> int | None:
    """Print what there is to say; None: not ours to handle."""
    if isinstance(error, BrokenPipeError):
        _forget_stdout()
        return READER_GONE
    if isinstance(error, KeyboardInterrupt):
        output.notice("interrupted")
        return INTERRUPTED
    if not isinstance(error, Exception):
        return None
    if debug:
        _print_traceback(error)
    if isinstance(error, RunyardError):
        output.error(_in_words_of_commands(error.message) or type(error).__name__)
        return WRONG_USE
    if isinstance(error, OSError):
        output.error(_os_error_text(error))
        return WRONG_USE
    output.error(f"{type(error).__name__}: {error}")
    _ask_to_report(debug)
    return DEFECT


def _in_words_of_commands(message: str) -> str:
    """Advice that is given in terms of the Python API, for those who typed a command."""
    text = message.replace(" (CondaDependencies.set_python_version)", " with --python")
    text = re.sub(r"Specify create_new_version=True .*", "Give --new-version as well", text)
    register = r"Register one: runyard dataset register \1 DATASTORE:PATH"
    text = re.sub(r"Register one: dataset\.register\(workspace, (.*)\)", register, text)
    return re.sub(r"(uv python install \S+)$", r"\1 (if uv has it)", text, flags=re.MULTILINE)


def _os_error_text(error: OSError) -> str:
    text = error.strerror or str(error)
    if error.filename is not None:
        text = f"{text}: {os.fsdecode(error.filename)!r}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        text += "; make room and try again"
    return text


def _ask_to_report(debug: bool) -> None:
    what = "the traceback above" if debug else "what the same command prints with --debug"
    output.notice(f"This is a defect of runyard, not of your script. Please report it with {what}.")


def _print_traceback(error: BaseException) -> None:
    import traceback

    click.echo("".join(traceback.format_exception(error)), err=True, nl=False)


def _forget_stdout() -> None:
    """Nobody reads stdout any more: what is still buffered must not fail at exit."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _show_warning(  # noqa: PLR0917
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if issubclass(category, UserWarning):
        output.warning(str(message))
