"""Adding the packages of a framework by its name (spec 8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from runyard.errors import UserErrorException

TENSORFLOW_VERSION = "2.2.0"
CNTK_VERSION = "2.7"
_CORES = ("cpu", "gpu")


class FrameworkPackages:
    """Methods of CondaDependencies."""

    if TYPE_CHECKING:

        @property
        def conda_packages(self) -> Iterator[str]: ...  # noqa: D102

        def add_pip_package(self, pip_package: str) -> None: ...  # noqa: D102

        def remove_pip_package(self, pip_package: str) -> None: ...  # noqa: D102

        def add_conda_package(self, conda_package: str) -> None: ...  # noqa: D102

        def remove_conda_package(self, conda_package: str) -> None: ...  # noqa: D102

    def add_tensorflow_pip_package(
        self, core_type: str = "cpu", version: str | None = None
    ) -> None:
        """Add ``tensorflow`` (``tensorflow-gpu`` for 'gpu') as a pip package.

        ``version`` None is 2.2.0. The package for the other ``core_type`` is replaced. Raises
        UserErrorException for a ``core_type`` other than 'cpu' and 'gpu'.
        """
        wanted = _package("tensorflow", core_type, version or TENSORFLOW_VERSION, "==")
        for core in _CORES:
            self.remove_pip_package(_name("tensorflow", core))
        self.add_pip_package(wanted)

    def add_tensorflow_conda_package(
        self, core_type: str = "cpu", version: str | None = None
    ) -> None:
        """The same as a conda package."""
        wanted = _package("tensorflow", core_type, version or TENSORFLOW_VERSION, "=")
        self._remove_conda("tensorflow")
        self.add_conda_package(wanted)

    def add_cntk_package(self, core_type: str = "cpu") -> None:
        """Add ``cntk`` 2.7 (``cntk-gpu`` for 'gpu') as a pip package."""
        wanted = _package("cntk", core_type, CNTK_VERSION, "==")
        for core in _CORES:
            self.remove_pip_package(_name("cntk", core))
        self.add_pip_package(wanted)

    def _remove_conda(self, framework: str) -> None:
        from runyard.environments.names import package_name

        names = {_name(framework, core) for core in _CORES}
        for package in list(self.conda_packages):
            if package_name(package) in names:
                self.remove_conda_package(package)


def _package(framework: str, core_type: object, version: str, equals: str) -> str:
    return f"{_name(framework, core_type)}{equals}{version}"


def _name(framework: str, core_type: object) -> str:
    if core_type not in _CORES:
        raise UserErrorException(f"core_type={core_type!r} is not known; give 'cpu' or 'gpu'")
    return framework if core_type == "cpu" else f"{framework}-gpu"
