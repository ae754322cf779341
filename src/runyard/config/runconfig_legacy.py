"""The oldest format of ``.runconfig`` files, told by its keys (spec 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runyard.errors import UserErrorException

_SAME = {
    "Target": "target",
    "Framework": "framework",
    "Communicator": "communicator",
    "NodeCount": "nodeCount",
    "EnvironmentVariables": "environmentVariables",
}
# Environments are always prepared, and every run is tracked.
_ALWAYS = frozenset(("PrepareEnvironment", "AutoPrepareEnvironment", "TrackedRun"))
_TELLING = ("ArgumentVector", "CondaDependenciesFile")


def current(content: Mapping[str, Any], place: str) -> dict[str, Any]:
    """The content as today's format has it; one that is of today is returned as it is."""
    if not any(key in content for key in _TELLING):
        return dict(content)
    made: dict[str, Any] = {}
    for key, value in content.items():
        if key == "ArgumentVector":
            made.update(_script(value, place))
        elif key == "CondaDependenciesFile":
            made["environment"] = {"python": {"condaDependenciesFile": value}}
        elif key in _SAME:
            made[_SAME[key]] = value
        elif key not in _ALWAYS:
            made[key] = value  # named in a warning where it means nothing
    return made


def _script(vector: object, place: str) -> dict[str, Any]:
    if not isinstance(vector, list) or not vector:
        raise UserErrorException(
            f"{place}: ArgumentVector must be a list that begins with the script, not {vector!r}"
        )
    return {"script": vector[0], "arguments": vector[1:]}
