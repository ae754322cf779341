"""Package names as indexes compare them."""

from __future__ import annotations

import re

_SEPARATORS = re.compile(r"[-_.]+")
_NAME = re.compile(r"^\s*(?:\S+?::)?(?P<name>[^\[=<>~!|;@\s]+)")


def canonical_name(name: str) -> str:
    """Return a package name in lower case, with every run of ``-_.`` as one ``-``."""
    return _SEPARATORS.sub("-", name).lower()


def package_name(requirement: str) -> str:
    """Return the canonical package name of a pip or conda requirement, '' when it has none."""
    match = _NAME.match(requirement)
    return canonical_name(match["name"]) if match else ""


def of_line(line: str) -> str:
    """The canonical name of a requirement line, an archive, or a project folder."""
    text = line.removeprefix("-e ").partition(" ")[0]
    if "/" in text.partition("@")[0]:
        return canonical_name(text.rstrip("/").rpartition("/")[2].partition("-")[0])
    return package_name(line.removeprefix("-e "))
