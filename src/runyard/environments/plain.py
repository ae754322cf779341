"""The plain form of sections, with the keys of SDK v1 (spec 5): to show, and to write to a file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from runyard.environments.conda_channels import without_literal_token
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.redaction import has_credentials, without_credentials
from runyard.environments.secret_names import HIDDEN, is_secret, masked
from runyard.environments.sections import Section

_VARIABLES = "environment_variables"
_PASSWORD = "password"


def section(item: Section) -> dict[str, Any]:
    """The attributes of a section under their keys in a file; secrets are ``***``."""
    found = {}
    for name in item._names:
        content = getattr(item, name)
        if content is None and name in item._ours:
            continue
        if name == _VARIABLES and isinstance(content, Mapping):
            content = masked(content)
        elif name == _PASSWORD and content is not None:
            content = HIDDEN
        found[key_of(item, name)] = value(content)
    return found


def value(content: object) -> Any:
    """Anything as JSON would hold it; keys the user chose stay as they are."""
    if isinstance(content, Section):
        return section(content)
    if isinstance(content, CondaDependencies):
        shown = _without_credentials(_without_tokens(content.as_dict()))
        return {key: part for key, part in shown.items() if part or key != "channels"}
    if isinstance(content, Mapping):
        return {str(key): value(item) for key, item in content.items()}
    if isinstance(content, (list, tuple)):
        return [value(item) for item in content]
    if content is None or isinstance(content, (bool, int, float, str)):
        return content
    return str(content)


def storable(item: Section) -> tuple[dict[str, Any], list[str]]:
    """The same for a file that is read again: secrets are left out, and named in the list."""
    left_out: list[str] = []
    kept = _storable(section(item), left_out)
    _name_credentials(item, left_out)
    return kept, left_out


def key_of(item: Section, name: str) -> str:
    """The key of an attribute in a file: its own one, else lowerCamelCase."""
    return item._keys.get(name) or camel_case(name)


@lru_cache(maxsize=1024)
def camel_case(name: str) -> str:
    """``max_run_duration_seconds`` is ``maxRunDurationSeconds``."""
    first, *rest = name.strip("_").split("_")
    return first + "".join(word.capitalize() for word in rest)


def _storable(content: Any, left_out: list[str]) -> Any:
    if isinstance(content, list):
        return [_storable(item, left_out) for item in content]
    if not isinstance(content, dict):
        return content
    secret = [key for key, item in content.items() if item == HIDDEN and _hides(key)]
    left_out += [str(key) for key in secret]
    kept = {key: _storable(item, left_out) for key, item in content.items() if key not in secret}
    return {**kept, _PASSWORD: None} if "registryIdentity" in content else kept


def _hides(key: str) -> bool:
    return key == _PASSWORD or is_secret(key)


def _name_credentials(item: object, left_out: list[str]) -> None:
    if isinstance(item, CondaDependencies):
        if any(has_credentials(line) for line in item.pip_lines):
            left_out.append("the user and password of an index URL")
        entries = (*item.conda_channels, *item.conda_packages)
        if any(without_literal_token(entry) != entry for entry in entries):
            left_out.append("the token of a conda channel")
    elif isinstance(item, Section):
        for name in item._names:
            _name_credentials(getattr(item, name), left_out)


def _without_tokens(content: dict[str, Any]) -> dict[str, Any]:
    """Conda dependencies without the tokens of channels; other addresses may hold a /t/."""
    return {
        key: [without_literal_token(item) if isinstance(item, str) else item for item in part]
        if key in ("channels", "dependencies") and isinstance(part, list)
        else part
        for key, part in content.items()
    }


def _without_credentials(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_credentials(item) for key, item in content.items()}
    if isinstance(content, list):
        return [_without_credentials(item) for item in content]
    return without_credentials(content) if isinstance(content, str) else content
