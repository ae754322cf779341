"""The lock of a conda environment as dependencies: every package at its build, by channel."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from runyard.environments import conda_channels
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.redaction import HIDDEN

# As conda_solve writes them; anything else is a line of pip's.
_LINE = re.compile(
    r"^(?P<name>[^\s=]+)=(?P<version>[^\s=]+)=(?P<build>[^\s=]+) channel=(?P<channel>\S+)/[^\s/]+ "
    r"sha256=\S+$"
)
_USER = re.compile(r"(?<=://)[^/@]*@")


def dependencies(
    lock: Iterable[str], *, channels: Sequence[str], options: Sequence[str]
) -> CondaDependencies:
    """Return what installs exactly the packages of ``lock``, the pip part included.

    ``channels``: those of the plan, the preferred one first, with the variables for passwords that
    a lock leaves out; ``options``: option lines of pip that stand before its packages.
    """
    known = {_shown(channel): channel for channel in channels}
    conda: list[str] = []
    pip: list[str] = []
    named = dict.fromkeys(channels)
    for line in lock:
        match = _LINE.match(line)
        if match is None:
            pip.append(line.replace(f"{HIDDEN}@", ""))
            continue
        channel = known.get(match["channel"], match["channel"])
        named.setdefault(channel)
        conda.append(f"{channel}::{match['name']}={match['version']}={match['build']}")
    structure: dict[str, Any] = {"channels": list(named), "dependencies": conda}
    if pip:
        structure["dependencies"] = [*conda, {"pip": [*options, *pip]}]
    return CondaDependencies(_underlying_structure=structure)


def _shown(channel: str) -> str:
    """A channel of a plan as a lock names it: without passwords and tokens."""
    return _USER.sub("", conda_channels.without_token(channel))
