"""Interpreters that were uninstalled or moved after an environment was built with them."""

from __future__ import annotations

import os

import msgspec

from runyard.environments import cache, conda_planning, interpreters
from runyard.environments.spec import EnvironmentSpec


def noticed(spec: EnvironmentSpec) -> EnvironmentSpec:
    """Return the plan of a venv, with a notice where it is built again only for that reason."""
    if cache.built(cache.current(spec.key)) is not None:
        return spec
    gone = _last_interpreter(spec)
    return spec if gone is None else _with_notice(spec, gone, spec.interpreter)


def replaced(spec: EnvironmentSpec) -> EnvironmentSpec:
    """Return the plan of a venv with another interpreter of its version, and a notice of that.

    Raises UserErrorException when this machine has none.
    """
    minor = ".".join(spec.python_version.split(".")[:2])
    found = interpreters.find(minor)
    other = msgspec.structs.replace(
        spec,
        interpreter=found.path,
        python_version=found.version,
        base=None,  # which is one of the old interpreter
        # The same again for every rerun, so that it is built once.
        key=conda_planning.digest([spec.key, found], len(spec.key)),
    )
    return _with_notice(other, spec.interpreter, found.path)


def _with_notice(spec: EnvironmentSpec, gone: str, present: str) -> EnvironmentSpec:
    notice = (
        f"the Python that environment {spec.name!r} was built with is gone ({gone}); the "
        f"environment is built again with {present}"
    )
    return msgspec.structs.replace(spec, notices=(*spec.notices, notice))


def _last_interpreter(spec: EnvironmentSpec) -> str | None:
    """The missing interpreter of a build of the same name, packages and minor version."""
    folder = os.path.dirname(cache.prefix(spec.key))
    try:
        keys = [name for name in os.listdir(folder) if "." not in name]
    except OSError:
        return None
    for key in keys:
        python = os.path.join(folder, key, "bin", "python")
        # A link to nothing; all others cost no more than this.
        if not os.path.islink(python) or os.path.exists(python):
            continue
        marker = cache.read_json(os.path.join(folder, key, cache.MARKER_NAME)) or {}
        if (
            marker.get("name") == spec.name
            and marker.get("requirements") == list(spec.requirements)
            and _minor(str(marker.get("python_version"))) == _minor(spec.python_version)
        ):
            return os.readlink(python)
    return None


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]
