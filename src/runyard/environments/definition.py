"""The definition of an environment: the content of its file, and what two of them share."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runyard.environments import plain
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.sections import Section
from runyard.errors import RunyardError, UserErrorException

if TYPE_CHECKING:
    from runyard.environments.environment import Environment

_IDENTITY = ("name", "version", "assetId")

_log = logging.getLogger(__name__)


def of(environment: Environment) -> dict[str, Any]:
    """The definition under the keys of SDK v1; secrets are left out, and a warning names them."""
    content, left_out = plain.storable(environment)
    if left_out:
        _log.warning(
            "environment %r: secrets are not written: %s; set them again after reading it",
            environment.name,
            ", ".join(left_out),
        )
    return content


def read(content: object, place: str) -> Environment:
    """The environment of a definition; its keys may be in camelCase, PascalCase or snake_case.

    ``place``: where it was read, for messages. Raises UserErrorException for a content of
    another shape; a key that is not known is named in a warning.
    """
    from runyard.environments.environment import Environment

    environment = Environment("")
    unknown = fill(environment, content, place)
    if not environment.name:
        raise UserErrorException(f"{place}: an environment needs the key 'name'")
    warn_of_unknown(unknown, place)
    return environment


def digest(environment: Environment) -> str:
    """32 hexadecimal digits over the content: equal for environments that differ only in name,
    version and secrets."""
    from blake3 import blake3

    content, _ = plain.storable(environment)
    content = {key: item for key, item in content.items() if key not in _IDENTITY}
    content["python"] = _without_name(content["python"])
    return blake3(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _without_name(python: dict[str, Any]) -> dict[str, Any]:
    """The name inside a conda file decides nothing."""
    dependencies = {k: v for k, v in python["condaDependencies"].items() if k != "name"}
    return {**python, "condaDependencies": dependencies}


def warn_of_unknown(unknown: list[str], place: str) -> None:
    """Say which keys of a file mean nothing here."""
    if unknown:
        _log.warning("%s: not known and not used: %s", place, ", ".join(unknown))


def fill(section: Section, content: object, place: str, path: str = "") -> list[str]:
    """Set the attributes of a section from a mapping; returns the keys that it does not have."""
    if not isinstance(content, Mapping):
        raise UserErrorException(
            f"{place}: {path or 'the content'} must be keys and values, not {content!r}"
        )
    attributes = {_plainest(name): name for name in section._names}
    attributes |= {_plainest(key): name for name, key in section._keys.items()}
    unknown = []
    for key, value in content.items():
        name = attributes.get(_plainest(str(key)))
        inner = f"{path}.{key}" if path else str(key)
        if name is None:
            unknown.append(inner)
        else:
            unknown += _set(section, name, value, place, inner)
    return unknown


def _set(section: Section, name: str, value: Any, place: str, path: str) -> list[str]:
    present = getattr(section, name)
    if isinstance(present, Section):
        return [] if value is None else fill(present, value, place, path)
    unknown: list[str] = []
    if isinstance(present, CondaDependencies):
        value = _dependencies(value, place, path)
    elif name in section._parts:
        value = _parts(section._parts[name], value, unknown, place, path)
    if name == "conda_dependencies_file":
        section.__dict__[name] = value  # in a file it is no deprecated use: every file has it
    # Deprecated attributes warn when they are set; a file that holds the default says nothing.
    elif value != present or type(value) is not type(present):
        try:
            setattr(section, name, value)
        except RunyardError as error:
            raise type(error)(f"{place}: {path}: {error}") from error
    return unknown


def _parts(
    kind: type[Section], value: Any, unknown: list[str], place: str, path: str
) -> Section | list[Any] | dict[str, Any] | None:
    def made(item: object, inner: str) -> Section:
        part = kind()
        unknown.extend(fill(part, item, place, inner))
        return part

    if value is None:
        return None
    if isinstance(value, list):
        return [made(item, f"{path}[{number}]") for number, item in enumerate(value)]
    if _plainest(path.rpartition(".")[2]) in _BY_NAME and isinstance(value, Mapping):
        return {str(name): made(item, f"{path}.{name}") for name, item in value.items()}
    return made(value, path)


_BY_NAME = frozenset(("datareferences", "data", "outputdata"))
"""Keys, as `_plainest`, whose content has names that the user chose."""


def _dependencies(value: Any, place: str, path: str) -> CondaDependencies:
    if value is None:
        return CondaDependencies()
    if not isinstance(value, Mapping) or not isinstance(value.get("dependencies", []), list):
        raise UserErrorException(
            f"{place}: {path} must hold a conda specification with a list of dependencies, not "
            f"{value!r}"
        )
    return CondaDependencies(_underlying_structure=dict(value))


def _plainest(key: str) -> str:
    """Without what tells ``nodeCount``, ``NodeCount`` and ``node_count`` apart."""
    return key.replace("_", "").lower()
