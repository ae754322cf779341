"""The plain form of a configuration, with the keys of SDK v1 (spec 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runyard.config import secrets
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.environment import Environment
from runyard.environments.redaction import without_credentials
from runyard.environments.sections import Section

_VARIABLES = "environment_variables"


def section(item: Section) -> dict[str, Any]:
    """The attributes of a section under their lowerCamelCase names; secrets are masked."""
    found = {}
    for name in item._names:
        content = getattr(item, name)
        if name == _VARIABLES and isinstance(content, Mapping):
            content = secrets.masked(content)
        found[camel_case(name)] = value(content)
    return found


def value(content: object) -> Any:
    """Anything as JSON would hold it; keys the user chose stay as they are."""
    if isinstance(content, Section):
        return section(content)
    if isinstance(content, CondaDependencies):
        return _without_credentials(content.as_dict())
    if isinstance(content, Mapping):
        return {str(key): value(item) for key, item in content.items()}
    if isinstance(content, (list, tuple)):
        return [value(item) for item in content]
    if content is None or isinstance(content, (bool, int, float, str)):
        return content
    return str(content)


def _without_credentials(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_credentials(item) for key, item in content.items()}
    if isinstance(content, list):
        return [_without_credentials(item) for item in content]
    return without_credentials(content) if isinstance(content, str) else content


def environment(content: Mapping[str, Any]) -> Environment:
    """The Environment that became this; secrets and credentials are not in it.

    Keys that this release does not know are passed over.
    """
    found = Environment(str(content["name"]))
    python = dict(content.get("python") or {})
    packages = python.pop("condaDependencies", None)
    _fill(found, {key: content.get(key) for key in ("version", "environmentVariables")})
    _fill(found.python, python)
    _fill(found.docker, content.get("docker") or {})
    if packages is not None:
        found.python.conda_dependencies = CondaDependencies(_underlying_structure=packages)
    return found


def _fill(item: Section, content: Mapping[str, Any]) -> None:
    names = {camel_case(name): name for name in item._names}
    for key, given in content.items():
        if key in names and given is not None:
            setattr(item, names[key], given)


def camel_case(name: str) -> str:
    """``max_run_duration_seconds`` is ``maxRunDurationSeconds``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
