"""What a check of the doctor finds."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """``level``: ok, warning or error; ``advice``: what to do, '' when there is nothing."""

    level: str
    name: str
    text: str
    advice: str = ""


def ok(name: str, text: str) -> Finding:
    """All is well."""
    return Finding("ok", name, text)


def warning(name: str, text: str, advice: str) -> Finding:
    """Runs work, but something may be missed."""
    return Finding("warning", name, text, advice)


def error(name: str, text: str, advice: str) -> Finding:
    """Runs do not work like that."""
    return Finding("error", name, text, advice)
