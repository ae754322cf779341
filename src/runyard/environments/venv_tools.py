"""pip, setuptools and wheel, which a virtual environment with packages carries as well.

Scripts and old packages import ``pkg_resources`` or start ``python -m pip`` without asking for
either, and the original's environments had all three.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from runyard.environments.names import canonical_name, package_name
from runyard.environments.pip_settings import PipSettings

_TOOLS = ("pip", "setuptools", "wheel")
# Measured under Python 3.11: setuptools 80.9.0 and 81.0.0 have pkg_resources, 82.0.0 has not.
# 82 needs Python 3.9; older Pythons end at versions that all have it, and need no limit.
_WITH_PKG_RESOURCES = "setuptools<82"
_FIRST_PYTHON_WITHOUT = (3, 9)


def wanted(
    requirements: Sequence[str],
    constraints: Sequence[str],
    settings: PipSettings,
    python_version: str,
) -> tuple[str, ...]:
    """Return what to install beside the requirements.

    Nothing beside nothing, and nothing where every package needs a hash. A tool that the user
    asks for is left to them. Without an index, only what a folder of wheels holds.
    """
    if not requirements or settings.require_hashes or os.environ.get("UV_REQUIRE_HASHES"):
        return ()
    own = {_name(line) for line in requirements}
    names = [name for name in _TOOLS if name not in own]
    if settings.no_index or os.environ.get("UV_NO_INDEX"):
        names = [name for name in names if name in _in_folders(settings)]
    limited = {package_name(line) for line in constraints}
    return tuple(
        name if name in limited else _limited(name, python_version) for name in sorted(names)
    )


def _limited(name: str, python_version: str) -> str:
    python = tuple(int(part) for part in python_version.split(".")[:2] if part)
    # That of an image may not be known yet; an old one does not mind the limit.
    if name == "setuptools" and (len(python) < 2 or python >= _FIRST_PYTHON_WITHOUT):
        return _WITH_PKG_RESOURCES
    return name


def _name(line: str) -> str:
    """The package a requirement installs, of a wheel by the name of its file."""
    if line.endswith(".whl"):
        return canonical_name(os.path.basename(line).partition("-")[0])
    return package_name(line)


def _in_folders(settings: PipSettings) -> set[str]:
    places = (*settings.find_links, *os.environ.get("UV_FIND_LINKS", "").split(","))
    names: set[str] = set()
    for place in places:
        folder = place.removeprefix("file://")
        if os.path.isabs(folder) and os.path.isdir(folder):
            names.update(canonical_name(entry.partition("-")[0]) for entry in os.listdir(folder))
    return names
