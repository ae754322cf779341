"""The Python of an image: what was asked for, as a plan and as uv understand it."""

from __future__ import annotations

import re

from runyard.environments.interpreters import without_build
from runyard.errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PLAIN = re.compile(r"^={0,2}\s*(?P<version>\d+(?:\.\d+){0,2})(?:\.\*)?$")


def requests(asked: str | None) -> tuple[str, ...]:
    """What to ask uv for, the best first; empty where any Python will do.

    ``3.8.13`` is exactly that or else the newest 3.8, as on this machine; ranges are uv's too.
    """
    if asked is None:
        return ()
    text = without_build(asked)
    match = _PLAIN.match(text)
    if match is None:
        return (text.replace(" ", ""),)
    version = match["version"]
    minor = ".".join(version.split(".")[:2])
    return (version,) if version == minor else (version, minor)


def known_version(asked: str | None) -> str:
    """The part of the version that is known before an image is looked at, '' where none is.

    Raises UserErrorException for text that is no version and no range.
    """
    if asked is None:
        return ""
    text = without_build(asked)
    match = _PLAIN.match(text)
    if match is not None:
        return match["version"]
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        SpecifierSet(text)
    except InvalidSpecifier as error:
        raise UserErrorException(
            f"Python version {asked!r} cannot be read; "
            "give a version such as '3.8' or '3.8.13', or a range such as '>=3.8,<3.11'"
        ) from error
    return ""


def checked_path(interpreter_path: Any) -> str:
    """The interpreter inside an image: an absolute path, or a name on the image's PATH.

    Raises UserErrorException for a relative path, which would depend on the image's folder.
    """
    path = str(interpreter_path or "python")
    if path.startswith("-") or ("/" in path and not path.startswith("/")):
        raise UserErrorException(
            f"python.interpreter_path {path!r}: in an image give an absolute path, such as "
            "'/usr/bin/python3', or a name on the image's PATH"
        )
    return path
