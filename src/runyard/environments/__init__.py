"""Environments: what a user writes, the plan made of it, and the cached build.

Names are imported when first used: the runner asks :mod:`runyard.environments.cache` on its
shortest path and must not pay for the rest.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # Importing typing would cost more than all else that `cache` needs.
    from typing import Any

    from runyard.environments.conda_dependencies import CondaDependencies
    from runyard.environments.docker_section import DockerSection
    from runyard.environments.environment import Environment
    from runyard.environments.planning import resolve
    from runyard.environments.sections import PythonSection
    from runyard.environments.spec import EnvironmentSpec

__all__ = [
    "CondaDependencies",
    "DockerSection",
    "Environment",
    "EnvironmentSpec",
    "PythonSection",
    "resolve",
]

_HOMES = {
    "CondaDependencies": "conda_dependencies",
    "DockerSection": "docker_section",
    "Environment": "environment",
    "EnvironmentSpec": "spec",
    "PythonSection": "sections",
    "resolve": "planning",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)
