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
