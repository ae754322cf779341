"""The conda part of a plan: channels, packages and Python, without asking any channel."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from runyard.environments import cache, conda_channels, default_python
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.names import package_name
from runyard.environments.requirement_lines import shown
from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runyard.environments.requirement_lines import Origin

_BUILD_FORMAT = 1
# A venv has these, or has no use for them: beside them alone nothing is left for conda.
_PROVIDED = frozenset(("python", "pip"))
_OVERRIDE = "CONDA_OVERRIDE_"
_DRIVER = "/sys/module/nvidia/version"


class CondaPart:
    """``channels``, ``packages`` and the ``python`` text of an environment for conda.

    ``python_version`` is the part of the version that is known before the solve. Without a
    version asked for, Python is that of ``default_python``, else the submitting interpreter's
    minor version.
    """

    def __init__(self, dependencies: CondaDependencies, source_directory: Path) -> None:
        texts = [" ".join(text.split()) for text in dependencies.conda_packages]
        asked, _ = conda_channels.with_variables(texts)
        named_channels, _ = conda_channels.with_variables(dependencies.conda_channels)
        others = [text for text in asked if package_name(text) != "python"]
        self.python = dependencies.get_python_version()
        default = "" if self.python else default_python.version()
        named = next((text for text in asked if package_name(text) == "python"), "python")
        self.packages = (named if self.python else f"python={default}", *dict.fromkeys(others))
        self._origins = {
            conda_channels.with_variables([text])[0][0]: origin
            for text, origin in dependencies.origins.items()
        }
        self.channels = conda_channels.planned(
            named_channels, self.packages, source_directory, self._origins
        )
        numbers = re.match(r"^[=\s]*(\d+(?:\.\d+)*)", self.python or default)
        self.python_version = numbers[1] if numbers else ""

    def identity(self) -> list[object]:
        """What of the conda part, and of this machine, decides what is built."""
        return [
            "conda",
            _BUILD_FORMAT,
            platform.machine(),
            # The virtual packages of a solve; really detecting them would cost 80 ms a submit.
            (os.confstr("CS_GNU_LIBC_VERSION") or "") if sys.platform == "linux" else "",
            _driver(),
            sorted(item for item in os.environ.items() if item[0].startswith(_OVERRIDE)),
            os.environ.get("CONDA_CHANNEL_ALIAS", ""),
            self.channels,
            sorted(self.packages),
        ]

    def check(self, key: str) -> None:
        """Raise UserErrorException for a package that conda could not read.

        Not looked at when ``key`` is built already: importing rattler takes 70 ms.
        """
        if cache.built(key) is None:
            _check(self.packages, self._origins)


def tokens(dependencies: CondaDependencies) -> dict[str, str]:
    """The literal tokens of the channels, by the variables that stand for them in a plan."""
    texts = [*dependencies.conda_channels, *dependencies.conda_packages]
    return conda_channels.with_variables(texts)[1]


def packages_beyond_venv(dependencies: CondaDependencies) -> list[str]:
    """Return the conda packages that only conda (or a translation) can bring."""
    return [text for text in dependencies.conda_packages if package_name(text) not in _PROVIDED]


def digest(content: object, digits: int) -> str:
    """Return the key of what decides the content of an environment."""
    # blake3 is imported only by those who plan.
    from blake3 import blake3

    return blake3(json.dumps(content).encode()).hexdigest()[:digits]


def _check(packages: Iterable[str], origins: Mapping[str, Origin]) -> None:
    import rattler
    from rattler.exceptions import InvalidMatchSpecError

    for text in packages:
        try:
            rattler.MatchSpec(text)
        except InvalidMatchSpecError as error:
            raise UserErrorException(
                f"conda package {text!r}{shown(origins, text)} cannot be read: {error}; write a "
                "name with a version, such as 'numpy', 'numpy=1.26', 'numpy>=1.20,<2' or "
                "'conda-forge::numpy'"
            ) from error


def _driver() -> str:
    try:
        with open(_DRIVER, encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return ""
