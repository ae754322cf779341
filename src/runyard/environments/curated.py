"""Curated environments: the names of SDK v1, with definitions of ours (spec 6).

The packages are those the names promise, in versions that can still be installed.
"""

from __future__ import annotations

import functools
import json
import logging
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from runyard.environments.environment import Environment

PREFIXES = ("AzureML-", "Microsoft")
VERSION = "1"
DATA = Path(__file__).with_name("curated.json")

_log = logging.getLogger(__name__)


def is_reserved(name: object) -> bool:
    """Whether a name is one that only curated environments have."""
    return isinstance(name, str) and name.startswith(PREFIXES)


def get(name: str, version: object = None) -> Environment:
    """The curated environment of a name; it cannot be changed, only cloned.

    There is one definition of each: another ``version`` gives a warning. Raises
    UserErrorException for a name that is not known.
    """
    known = names()
    if name not in known:
        near = get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"near names are {', '.join(near)}; " if near else ""
        raise UserErrorException(
            f"there is no curated environment {name!r}; {hint}Environment.list(ws) has all "
            f"{len(known)}. Or describe your own: "
            "Environment.from_pip_requirements('my-env', 'requirements.txt')"
        )
    if version not in (None, VERSION):
        _log.warning(
            "environment %r has one definition here, version %s; version=%r is not looked at",
            name,
            VERSION,
            version,
        )
    return _made(name, _data()[name])


def every() -> dict[str, Environment]:
    """All curated environments by name."""
    return {name: get(name) for name in names()}


def names() -> tuple[str, ...]:
    """The names of all curated environments."""
    return tuple(_data())


@functools.cache
def _data() -> dict[str, Any]:
    content = json.loads(DATA.read_text(encoding="utf-8"))
    found: dict[str, Any] = content["environments"]
    return found


def _made(name: str, data: dict[str, Any]) -> Environment:
    from runyard.environments.conda_dependencies import CondaDependencies
    from runyard.environments.environment import Environment
    from runyard.environments.sealed import sealed

    environment = Environment(name)
    environment.version = VERSION
    environment.python.conda_dependencies = CondaDependencies.create(
        pip_packages=data["pip"], python_version=data.get("python")
    )
    reason = (
        f"{name!r} is a curated environment and cannot be edited; edit a copy: "
        f"env = Environment.get(ws, {name!r}).clone('my-env')"
    )
    return sealed(environment, reason)
