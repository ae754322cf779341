"""The parts of an Environment (spec 6), with protection against misspelt attributes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

from runyard.environments.conda_dependencies import CondaDependencies
from runyard.errors import UserErrorException

_log = logging.getLogger(__name__)


class Section:
    """Base of everything a user configures by setting attributes.

    Setting a name that the class does not have raises AttributeError (spec 5): a misspelt
    setting that is silently ignored costs a whole run. A sealed section, one of a curated
    environment, raises UserErrorException.

    ``_names``: the attributes, in the order of a file. ``_keys``: keys in a file that are not
    the name in lowerCamelCase. ``_parts``: the class of an attribute that is None or empty at
    first, to read it from a file. ``_ours``: attributes SDK v1 does not have, left out of files
    while they are None so that its readers know every key.
    """

    _names: tuple[str, ...] = ()
    _ours: tuple[str, ...] = ()
    _keys: ClassVar[Mapping[str, str]] = {}
    _parts: ClassVar[Mapping[str, type[Section]]] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._names:
            raise AttributeError(self._unknown(name))
        if "_sealed" in self.__dict__:
            raise UserErrorException(f"{name} cannot be set: {self.__dict__['_sealed']}")
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        from runyard.environments import plain

        shown = plain.section(self)
        keys = [(name, plain.key_of(self, name)) for name in self._names]
        content = ", ".join(f"{name}={shown[key]!r}" for name, key in keys if key in shown)
        return f"{type(self).__name__}({content})"

    def _unknown(self, name: str) -> str:
        import difflib

        near = difflib.get_close_matches(name, self._names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(self._names)}"
        return f"{type(self).__name__} has no attribute {name!r}; {hint}"


class PythonSection(Section):
    """How the Python of an environment comes to be.

    ``user_managed_dependencies`` (bool, False): use ``interpreter_path`` as it is and install
    nothing. ``interpreter_path`` (str, 'python'): a name on PATH or a path; the default means
    the interpreter that submits. ``conda_dependencies`` (CondaDependencies): what to install.
    ``conda_dependencies_file`` (None): path of a conda file inside the source folder that is
    read on submit instead of it (deprecated in SDK v1). ``_base_conda_environment`` (None).
    ``conda_backend`` (None): 'pip' installs conda packages by their names on the package index,
    'conda' from their channels; None: as the variable RUNYARD_CONDA_BACKEND says, else 'conda'.
    ``base_packages`` (None; list of some of the pip packages): they are built first, as an
    environment that all others with the same ones are made from.
    """

    _names = (
        "user_managed_dependencies",
        "interpreter_path",
        "conda_dependencies_file",
        "_base_conda_environment",
        "conda_dependencies",
        "conda_backend",
        "base_packages",
    )
    _ours = ("conda_backend", "base_packages")

    def __init__(self) -> None:
        self.user_managed_dependencies = False
        self.interpreter_path = "python"
        self.conda_dependencies_file: str | None = None
        self._base_conda_environment: str | None = None
        self.conda_dependencies = CondaDependencies()
        self.conda_backend: str | None = None
        self.base_packages: list[str] | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "conda_dependencies_file" and value is not None:
            _log.warning(
                "python.conda_dependencies_file is deprecated; use "
                "Environment.from_conda_specification(name, file_path)"
            )
