"""``CondaDependencies``: the packages of an environment, in conda's file format (spec 8)."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

from runyard.environments import conda_file, merging
from runyard.environments.framework_packages import FrameworkPackages
from runyard.environments.names import package_name
from runyard.environments.requirement_lines import Origin, lines_of
from runyard.errors import UserErrorException

_DEFAULT_FILE_NAME = "conda_dependencies.yml"


class CondaDependencies(FrameworkPackages):
    """Python version, conda packages and pip packages of an environment.

    ``conda_dependencies_file_path``: a conda YAML file to start from (FileNotFoundError when it
    is missing, UserErrorException when it is not one); None starts with no packages and no
    Python version. The original started with ``azureml-defaults`` (runyard provides ``azureml``
    itself) and a fixed Python; ours is by default the Python of whoever submits, because it is
    the one that is certainly there and that the script was tried under.
    """

    DEFAULT_NUMBER_OF_CONDA_PACKAGES = DEFAULT_NUMBER_OF_PIP_PACKAGES = 0

    def __init__(
        self,
        conda_dependencies_file_path: str | PathLike[str] | None = None,
        _underlying_structure: dict[str, Any] | None = None,
    ) -> None:
        # Where entries and lines of the pip section came from, for messages and relative paths.
        self._origins: dict[str, Origin] = {}
        if conda_dependencies_file_path is not None:
            path = Path(conda_dependencies_file_path).expanduser().resolve()
            self._structure, lines = conda_file.read(path)
            self._origins = {text: Origin(str(path), line) for text, line in lines.items()}
        elif _underlying_structure is not None:
            self._structure = copy.deepcopy(_underlying_structure)
        else:
            self._structure = {"name": "project_environment", "dependencies": []}

    @staticmethod
    def create(
        pip_indexurl: str | None = None,
        pip_packages: Iterable[str] | None = None,
        conda_packages: Iterable[str] | None = None,
        python_version: str | None = None,
        pin_sdk_version: bool = True,
    ) -> CondaDependencies:
        """Make dependencies of lists (spec 8).

        ``python_version`` None is the submitting interpreter's. ``pin_sdk_version`` is accepted
        and has no effect: there is no SDK to pin, runyard provides ``azureml`` itself.
        """
        made = CondaDependencies()
        if python_version is not None:
            made.set_python_version(python_version)
        if pip_indexurl is not None:
            made.set_pip_index_url(pip_indexurl)
        for package in _texts(conda_packages or (), "conda_packages"):
            made.add_conda_package(package)
        for package in _texts(pip_packages or (), "pip_packages"):
            made._pip().append(package)
        return made

    @staticmethod
    def merge_requirements(requirements: Iterable[str]) -> list[str]:
        """Join lines of the same package: ``numpy>=1`` + ``numpy<2`` is ``numpy>=1,<2``."""
        return merging.merge_requirements(requirements)

    # Python

    def get_python_version(self) -> str | None:
        """Return the version asked for, or None: that of ``default_python``, else the one that
        submits."""
        entry = self._python_entry()
        if entry is None:
            return None
        return _version_in(entry) or None

    def set_python_version(self, version: str) -> None:
        """Ask for a Python: ``'3.8'``, ``'3.8.13'`` or a range such as ``'>=3.8,<3.11'``.

        Raises UserErrorException for anything but text: the number 3.10 reads as 3.1.
        """
        if not isinstance(version, str) or not version.strip():
            raise UserErrorException(
                f"set_python_version: {version!r} is not a version; give text such as '3.10'"
            )
        version = version.strip()
        entry = f"python{version}" if version[0] in "<>=!~" else f"python={version}"
        others = [item for item in self._dependencies() if not _is_named(item, "python")]
        self._structure["dependencies"] = [entry, *others]

    @property
    def python_origin(self) -> Origin | None:
        """The file, and line in it, that the Python version was read from, if any."""
        return self._origins.get(self._python_entry() or "")

    # Channels

    @property
    def conda_channels(self) -> Iterator[str]:
        """The conda channels, first the preferred one."""
        return iter(list(self._channels()))

    def add_channel(self, channel: str) -> None:
        """Add a conda channel; one that is there already is left where it is."""
        if channel not in self._channels():
            self._channels().append(channel)

    def remove_channel(self, channel: str) -> None:
        """Remove a conda channel; nothing happens when it is not there."""
        if channel in self._channels():
            self._channels().remove(channel)

    # Conda packages

    @property
    def conda_packages(self) -> Iterator[str]:
        """The conda packages, with ``python=…`` where a version was asked for."""
        return iter([item for item in self._dependencies() if isinstance(item, str)])

    def add_conda_package(self, conda_package: str) -> None:
        """Add a conda package; ``python=…`` sets the version, an exact duplicate is ignored."""
        (package,) = _texts([conda_package], "conda_package")
        if _is_named(package, "python"):
            self.set_python_version(_version_in(package) or "3")
        elif package not in self._dependencies():
            self._dependencies().append(package)

    def remove_conda_package(self, conda_package: str) -> None:
        """Remove the conda package of exactly this text; python cannot be removed."""
        if _is_named(conda_package, "python"):
            raise UserErrorException(
                "remove_conda_package: python cannot be removed; "
                "change it with set_python_version('3.10')"
            )
        if conda_package in self._dependencies():
            self._dependencies().remove(conda_package)

    # Pip packages and options

    @property
    def pip_packages(self) -> Iterator[str]:
        """The pip requirements, without options and comments."""
        return iter([line for line in self.pip_lines if line.strip()[:1] not in ("-", "#", "")])

    @property
    def pip_options(self) -> Iterator[str]:
        """The lines of the pip section that start with ``-``."""
        return iter([line for line in self.pip_lines if line.strip().startswith("-")])

    @property
    def pip_lines(self) -> tuple[str, ...]:
        """The pip section as it stands: requirements, options and comments."""
        for item in self._dependencies():
            if isinstance(item, dict):
                return tuple(str(line) for line in item.get("pip") or ())
        return ()

    @property
    def origins(self) -> dict[str, Origin]:
        """The file, and line in it, that a package, channel or pip line was read from, if any."""
        return dict(self._origins)

    def add_pip_package(self, pip_package: str) -> None:
        """Add a requirement; one for the same package is replaced.

        Raises UserErrorException for an option: those are set with ``set_pip_option``.
        """
        (package,) = _texts([pip_package], "pip_package")
        if package.strip().startswith("-"):
            raise UserErrorException(
                f"Invalid package name {package!r}: an option is set with set_pip_option"
            )
        self.remove_pip_package(package)
        self._pip().append(package)

    def remove_pip_package(self, pip_package: str) -> None:
        """Remove the requirement for the package of this name; nothing when there is none."""
        name = package_name(pip_package)
        self._replace_pip(
            line for line in self.pip_lines if line.startswith("-") or package_name(line) != name
        )

    def set_pip_option(self, pip_option: str) -> None:
        """Set an option line such as ``--pre``; the same option is replaced."""
        if not isinstance(pip_option, str) or not pip_option.startswith("-"):
            raise UserErrorException(
                f"set_pip_option: {pip_option!r} does not start with '-'; "
                "a package is added with add_pip_package"
            )
        self.remove_pip_option(pip_option)
        self._pip().append(pip_option)

    def remove_pip_option(self, pip_option: str) -> None:
        """Remove an option line by its name, whatever its value."""
        name = _option_name(pip_option)
        self._replace_pip(line for line in self.pip_lines if _option_name(line) != name)

    def set_pip_index_url(self, index_url: str) -> None:
        """Set the package index: the option ``--index-url``."""
        self.set_pip_option(f"--index-url {index_url}")

    def set_pip_requirements(self, pip_requirements: Iterable[str]) -> None:
        """Replace the whole pip section by these lines."""
        lines = _texts(pip_requirements, "pip_requirements")
        gone = {*self.pip_lines} - {*lines}
        self._origins = {text: o for text, o in self._origins.items() if text not in gone}
        self._replace_pip(lines)

    def read_pip_requirements(self, path: Path) -> None:
        """Replace the pip section by the lines of a requirements file, kept as they are."""
        lines = lines_of(path)
        self.set_pip_requirements(lines)
        for number, line in enumerate(lines, start=1):
            self._origins.setdefault(line, Origin(str(path), number))

    # The whole

    def get_default_number_of_packages(self) -> tuple[int, int]:
        """How many conda and pip packages a new object has: none, none."""
        return (0, 0)

    def as_dict(self) -> dict[str, Any]:
        """Return the content as the conda file would hold it; a copy."""
        return copy.deepcopy(self._structure)

    def serialize_to_string(self) -> str:
        """Return the conda YAML text."""
        return conda_file.dump(self._structure)

    def save(self, path: str | PathLike[str] | None = None) -> str:
        """Write the conda YAML file (default ``conda_dependencies.yml``); returns its path.

        Raises UserErrorException when the path is a folder.
        """
        target = Path(path if path is not None else _DEFAULT_FILE_NAME)
        if target.is_dir():
            raise UserErrorException(f"save: {str(target)!r} is a folder; give a file path in it")
        target.write_text(self.serialize_to_string(), encoding="utf-8")
        return str(target)

    def save_to_file(
        self, base_directory: str | PathLike[str], conda_file_path: str | None = None
    ) -> str:
        """Write the conda YAML file under a folder; returns its path relative to that folder."""
        relative = conda_file_path or _DEFAULT_FILE_NAME
        self.save(Path(base_directory) / relative)
        return relative

    # The structure

    def __repr__(self) -> str:
        from runyard.environments import plain

        content = ", ".join(f"{key}={part!r}" for key, part in plain.value(self).items())
        return f"{type(self).__name__}({content})"

    def _dependencies(self) -> list[Any]:
        found: list[Any] = self._structure.setdefault("dependencies", [])
        return found

    def _channels(self) -> list[str]:
        found: list[str] = self._structure.setdefault("channels", [])
        return found

    def _python_entry(self) -> str | None:
        entries = (item for item in self._dependencies() if _is_named(item, "python"))
        return next(entries, None)

    def _pip(self) -> list[str]:
        for item in self._dependencies():
            if isinstance(item, dict):
                found: list[str] = item.setdefault("pip", [])
                return found
        section: dict[str, list[str]] = {"pip": []}
        self._dependencies().append(section)
        return section["pip"]

    def _replace_pip(self, lines: Iterable[str]) -> None:
        self._pip()[:] = list(lines)


def _texts(items: Iterable[str], parameter: str) -> list[str]:
    if isinstance(items, str):
        raise UserErrorException(f"{parameter} is the text {items!r}; give a list of texts")
    listed = list(items)
    for item in listed:
        if not isinstance(item, str):
            raise UserErrorException(
                f"{parameter} holds {item!r} of type {type(item).__name__}; "
                "every item must be text such as 'numpy>=1.20'"
            )
    return listed


def _option_name(line: str) -> str:
    return re.split(r"[\s=]", line.strip(), maxsplit=1)[0] if line.startswith("-") else ""


def _version_in(entry: str) -> str:
    """``channel::python=3.8`` asks for 3.8."""
    return re.sub(r"^\s*python\s*=?=?\s*", "", entry.rpartition("::")[2]).strip()


def _is_named(item: object, name: str) -> bool:
    return isinstance(item, str) and package_name(item) == name
