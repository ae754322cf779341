"""A configuration file for uv: what known packages need to be built from source.

Variables in it count for the one package, where those of uv's process count for all it builds.
"""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

NAME = "uv.toml"


def text(source_builds: Iterable[Mapping[str, Any]], environ: Mapping[str, str]) -> str:
    """Return the content of the file; the user's own value of a variable comes before ours."""
    variables, requirements = [], []
    for entry in source_builds:
        name = _quoted(entry["package"])
        if entry["requirements"]:
            requirements.append(f"{name} = {json.dumps(entry['requirements'])}")
        if entry["variables"]:
            pairs = (
                f"{_quoted(key)} = {_quoted(value)}"
                for key, value in merged(entry["variables"], environ).items()
            )
            variables.append(f"{name} = {{ {', '.join(pairs)} }}")
    lines = ["[extra-build-dependencies]", *requirements]
    return "\n".join([*lines, "[extra-build-variables]", *variables, ""])


def merged(variables: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables as the user has set them; flags of compilers are put behind the user's own."""
    return {name: _merged(name, value, environ.get(name)) for name, value in variables.items()}


def _merged(name: str, value: str, own: str | None) -> str:
    if name.endswith("FLAGS"):
        return f"{own or ''} {value}".strip()
    return own or value


def arguments(folder: str, environ: Mapping[str, str]) -> list[str]:
    """Return the arguments by which uv reads the file in ``folder``.

    Beside the user's own configuration: a ``--config-file`` takes its place. That is only right
    where the user has turned uv's search for it off.
    """
    if environ.get("UV_NO_CONFIG", "").lower() in ("1", "t", "true", "y", "yes", "on"):
        return ["--config-file", os.path.join(folder, NAME)]
    return ["--directory", folder]


def _quoted(text: str) -> str:
    return json.dumps(text)
