"""Conda packages by their names on the package index, for machines that reach no channel.

Off by default: asked for with ``environment.python.conda_backend = 'pip'``, else
``RUNYARD_CONDA_BACKEND=pip``, else ``conda_backend = "pip"`` in the settings file. The names are
in ``conda_pip_names.txt``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from runyard import settings
from runyard.environments.names import package_name
from runyard.errors import UserErrorException

BACKENDS = ("conda", "pip")
_NAMES = Path(__file__).with_name("conda_pip_names.txt")
_VERSION = r"\d[A-Za-z0-9._!+]*"
_SPEC = re.compile(
    r"^(?:[^\s:]\S*::)?(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*"
    rf"(?:(?P<sign>==?|\s)\s*(?P<version>{_VERSION})(?P<star>\.?\*)?"
    r"(?P<build>(?:=|\s+)[A-Za-z0-9_.*]+)?"
    rf"|(?P<range>(?:[<>]=?|!=|~=)\s*{_VERSION}(?:\.\*)?"
    rf"(?:\s*,\s*(?:[<>]=?|!=|~=|==)\s*{_VERSION}(?:\.\*)?)*))?$"
)


def is_wanted(attribute: str | None) -> bool:
    """Whether conda packages are translated: as the environment says, else the setting.

    Raises UserErrorException for anything but 'conda', 'pip' and nothing.
    """
    where, value = "python.conda_backend", attribute
    if value is None:
        found = settings.get("conda_backend")
        where, value = (found.where, found.value) if found else ("", "conda")
    if value not in BACKENDS:
        raise UserErrorException(
            f"{where} is {value!r}; allowed are {', '.join(map(repr, BACKENDS))}"
        )
    return value == "pip"


def to_pip(packages: Sequence[str], environment: str) -> list[str]:
    """Return requirement lines for conda packages; conda's ``=1.2`` is pip's ``==1.2.*``.

    Raises UserErrorException listing every package that has no known name on the index, or a
    version that pip cannot express.
    """
    names = names_on_index() if packages else {}
    lines = [(package, _line(package, names)) for package in packages]
    unknown = [package for package, line in lines if line is None]
    if unknown:
        raise UserErrorException(
            f"environment {environment!r}: conda_backend is 'pip', but these conda packages have "
            f"no known name on the package index: {', '.join(unknown)}; name what you need of them "
            "with pip_packages, or leave conda_backend at 'conda'"
        )
    return [line for _, line in lines if line is not None]


def notices(packages: Sequence[str], lines: Sequence[str]) -> list[str]:
    """Return the sentence that says what was translated, if anything was."""
    if not packages:
        return []
    pairs = ", ".join(f"{package} as {line}" for package, line in zip(packages, lines, strict=True))
    return [f"conda_backend is 'pip': conda packages come from the package index ({pairs})"]


def _line(package: str, names: dict[str, str]) -> str | None:
    match = _SPEC.match(" ".join(package.split()))
    name = names.get(package_name(package))
    if match is None or name is None:
        return None
    if match["range"]:
        return name + match["range"].replace(" ", "")
    if not match["version"]:
        return name
    exact = match["sign"] == "==" or (match["build"] and not match["star"])
    # In conda 'name 1.2' is exactly 1.2, 'name=1.2' is any 1.2.
    exact = exact or (match["sign"].isspace() and not match["star"])
    return f"{name}=={match['version'].rstrip('.')}{'' if exact else '.*'}"


def names_on_index() -> dict[str, str]:
    """Name on the index by conda name; a line with one word is a name that both share."""
    found = {}
    for line in _NAMES.read_text(encoding="utf-8").splitlines():
        words = line.partition("#")[0].split()
        if words:
            found[words[0]] = words[-1]
    return found
