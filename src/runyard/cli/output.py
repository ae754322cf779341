"""Printing: text that any terminal can take, JSON, and notices on stderr."""

from __future__ import annotations

import json
import re
import sys
from typing import Any, BinaryIO

import click

_SPECIAL_FLOATS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
# Bell, shift-out and the like would beep, or switch the terminal's character set. Colours (ESC)
# and progress bars (CR, BS) are what scripts mean to show.
_UNWANTED = bytes(set(range(32)) - {8, 9, 10, 13, 27}) + b"\x7f"


def text(line: str = "") -> None:
    """Print a line to stdout."""
    click.echo(_encodable(line))


def notice(line: str) -> None:
    """Say something on stderr."""
    click.echo(_encodable(line), err=True)


def warning(line: str) -> None:
    """Say on stderr that something deserves a look."""
    click.echo(click.style("warning:", fg="yellow") + " " + _encodable(line), err=True)


def error(line: str) -> None:
    """Say on stderr what failed."""
    click.echo(click.style("error:", fg="red", bold=True) + " " + _encodable(line), err=True)


_COLOUR = re.compile("(\x1b\\[[0-9;]*m)")
"""As click writes them; no other sequence is of ours."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def _encodable(line: str) -> str:
    """File names that are not UTF-8 come as surrogates, which no stream takes.

    What would command the terminal is shown as Python writes it: names and messages in a workspace
    may be anybody's.
    """
    if line.isprintable():
        return line
    shown = _SURROGATE.sub("\ufffd", line)
    parts = _COLOUR.split(shown)
    return "".join(p if n % 2 else _harmless(p, "\n\t") for n, p in enumerate(parts))


def _harmless(text: str, kept: str = "") -> str:
    return "".join(
        c if c.isprintable() or c in kept else c.encode("unicode_escape").decode() for c in text
    )


def one_line(value: object) -> str:
    """A value of the user's for one line: no line breaks, no escape sequences."""
    shown = _SURROGATE.sub("\ufffd", str(value))
    return _harmless(shown)


def to_json(value: Any) -> None:
    """Print strict JSON to stdout, ASCII only.

    JSON has no NaN and no infinities: they are the strings "NaN", "Infinity" and "-Infinity".
    """
    click.echo(json.dumps(strict(value), indent=2, default=str, allow_nan=False))


def strict(value: Any) -> Any:
    """A value with floats that JSON does not have as strings."""
    if isinstance(value, float):
        return _SPECIAL_FLOATS.get(str(value), value)
    if isinstance(value, dict):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(item) for item in value]
    return value


def stdout_bytes() -> BinaryIO:
    """Stdout for bytes; what was printed as text before comes first."""
    sys.stdout.flush()
    return sys.stdout.buffer


def stream_bytes(err: bool) -> BinaryIO:
    """Stderr for bytes, or stdout."""
    return sys.stderr.buffer if err else stdout_bytes()


def for_terminal(chunk: bytes) -> bytes:
    """Bytes of a log without the control characters that would upset a terminal."""
    return chunk.translate(None, _UNWANTED)


def is_terminal(err: bool = False) -> bool:
    """Whether somebody looks at stdout (or stderr)."""
    return (sys.stderr if err else sys.stdout).isatty()
