"""The data files of frameworks: which versions there are, and what each is made of.

Ours lie in ``frameworks/``; a workspace has its own in its folder ``frameworks``. The keys are in
docs/frameworks.md.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from runyard.history.workspace import Workspace

FOLDER = Path(__file__).with_name("frameworks")
"""The data files of runyard itself."""

_LISTS = ("pip", "cpu", "gpu", "mpi")


@dataclass(frozen=True, kw_only=True)
class FrameworkVersion:
    """One version of a framework.

    ``python``: range in which the packages can be installed; ``default_python``: the version in it
    to prefer, '' for the range itself. Requirement lines: ``pip`` always, ``cpu`` or ``gpu``, and
    ``mpi`` where ranks talk over MPI. ``environment_variables``: of the script, unless it has
    them. ``notes``: why the pins are what they are.
    """

    python: str
    default_python: str = ""
    pip: tuple[str, ...]
    cpu: tuple[str, ...] = ()
    gpu: tuple[str, ...] = ()
    mpi: tuple[str, ...] = ()
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    notes: str = ""

    def requirements(self, *, gpu: bool = False, mpi: bool = False) -> tuple[str, ...]:
        """The requirement lines of a variant, the framework itself among them."""
        return (*(self.gpu if gpu else self.cpu), *self.pip, *(self.mpi if mpi else ()))


@dataclass(frozen=True, kw_only=True)
class Framework:
    """A framework: its ``name``, its ``default`` version, and every version by its exact name.

    ``package``: the names that it goes by on the package index. ``alternatives``: groups of other
    packages that exclude one another. ``if_imported``: packages that only come where the script
    imports them. ``file``: where it was read.
    """

    name: str
    package: tuple[str, ...]
    default: str
    versions: Mapping[str, FrameworkVersion]
    alternatives: tuple[tuple[str, ...], ...] = ()
    if_imported: tuple[str, ...] = ()
    file: Path

    def alike(self, name: str) -> tuple[str, ...]:
        """The packages of which a user who names one does not get ``name``; itself first."""
        groups = (group for group in (self.package, *self.alternatives) if name in group)
        return tuple(dict.fromkeys((name, *next(groups, ()))))

    def supported(self) -> list[str]:
        """Names of the versions, the oldest first."""
        from packaging.version import Version

        return sorted(self.versions, key=Version)


def names() -> list[str]:
    """Names of the frameworks that runyard brings."""
    return sorted(_brought())


def find(name: str, workspace: Workspace | None = None) -> Framework:
    """The framework of a name: of runyard, else of the workspace (None: the nearest one).

    Raises UserErrorException when there is none, or when its file is not what it must be.
    """
    if name in _brought():
        return _brought()[name]
    folder = _folder(workspace)
    if folder is not None and (folder / f"{name}.json").is_file():
        return read(folder / f"{name}.json")
    raise _unknown(name, folder)


@functools.cache
def _brought() -> dict[str, Framework]:
    found = [read(path) for path in sorted(FOLDER.glob("*.json"))]
    return {item.name: item for item in found}


def _folder(workspace: Workspace | None) -> Path | None:
    from runyard.history import workspace_search

    if workspace is not None:
        return Path(workspace.directory.path) / "frameworks"
    nearest = next(workspace_search.above(Path.cwd()), None)
    return Path(nearest.path) / "frameworks" if nearest else None


def _unknown(name: str, folder: Path | None) -> UserErrorException:
    own = sorted(path.stem for path in folder.glob("*.json")) if folder else []
    near = get_close_matches(name, [*names(), *own], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    nowhere = f"frameworks/{name}.json in the folder of a workspace"
    where = folder / f"{name}.json" if folder else nowhere
    return UserErrorException(
        f"there is no framework {name!r}{hint} There are {', '.join([*names(), *own])}. "
        f"Describe another in {where}"
    )


# Reading


def read(path: Path) -> Framework:
    """The framework that a data file describes. Raises UserErrorException naming what is wrong."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserErrorException(f"{path} cannot be read as JSON: {error}", error) from error
    reader = _Reader(path)
    top = reader.keys("", content, {"name", "package", "default", "versions"}, _TOP)
    shared = reader.texts("environment_variables", top.get("environment_variables", {}))
    entries = reader.keys("versions", top["versions"], set(), None)
    versions = {name: reader.version(name, entry, shared) for name, entry in entries.items()}
    if top["default"] not in versions:
        listed = ", ".join(versions) or "versions, which has none"
        raise reader.bad("default", top["default"], f"one of {listed}")
    if top["name"] != path.stem and path.parent != FOLDER:
        raise reader.bad("name", top["name"], f"{path.stem!r}, as the file is called")
    groups = reader.list("alternatives", top.get("alternatives", []))
    return Framework(
        name=reader.text("name", top["name"]),
        package=reader.lines("package", top["package"]),
        default=top["default"],
        versions=versions,
        alternatives=tuple(reader.lines("alternatives", group) for group in groups),
        if_imported=reader.lines("if_imported", top.get("if_imported", [])),
        file=path,
    )


_TOP = {
    *("name", "package", "default", "versions"),
    *("environment_variables", "alternatives", "if_imported"),
}
_OF_A_VERSION = {"python", "default_python", *_LISTS, "environment_variables", "notes"}


class _Reader:
    """Checks values and says where in the file a wrong one stands."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def bad(self, key: str, value: object, wanted: str) -> UserErrorException:
        return UserErrorException(
            f"{self._path}: {key or 'the file'} is {value!r}; it must be {wanted}"
        )

    def keys(
        self, key: str, value: object, needed: set[str], allowed: set[str] | None
    ) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.bad(key, value, "an object")
        place = f"{key}." if key else ""
        for name in sorted(needed - value.keys()):
            raise UserErrorException(f"{self._path}: {place}{name} is missing")
        for name in sorted(value.keys() - (allowed if allowed is not None else value.keys())):
            raise UserErrorException(
                f"{self._path}: {place}{name} is not known; allowed are "
                f"{', '.join(sorted(allowed or ()))}"
            )
        return value

    def text(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not value:
            raise self.bad(key, value, "text")
        return value

    def texts(self, key: str, value: object) -> dict[str, str]:
        content = self.keys(key, value, set(), None)
        return {name: self.text(f"{key}.{name}", item) for name, item in content.items()}

    def list(self, key: str, value: object) -> list[Any]:
        if not isinstance(value, list):
            raise self.bad(key, value, "a list")
        return value

    def lines(self, key: str, value: object) -> tuple[str, ...]:
        from packaging.requirements import InvalidRequirement, Requirement

        for line in self.list(key, value):
            try:
                Requirement(self.text(key, line))
            except InvalidRequirement as error:
                raise self.bad(key, line, "a requirement, such as 'numpy<2'") from error
        return tuple(self.list(key, value))

    def version(self, name: str, value: object, shared: dict[str, str]) -> FrameworkVersion:
        from packaging.version import InvalidVersion, Version

        try:
            Version(name)
        except InvalidVersion as error:
            raise self.bad("versions", name, "a version, such as '2.1'") from error
        place = f"versions.{name}"
        entry = self.keys(place, value, {"python", "pip"}, _OF_A_VERSION)
        variables = entry.get("environment_variables", {})
        own = self.texts(f"{place}.environment_variables", variables)
        lists = {key: self.lines(f"{place}.{key}", entry.get(key, [])) for key in _LISTS}
        python = self._range(f"{place}.python", entry["python"])
        default = self._optional(f"{place}.default_python", entry.get("default_python"))
        if default and not _contains(python, default):
            raise self.bad(f"{place}.default_python", default, f"in {python}")
        return FrameworkVersion(
            python=python,
            default_python=default,
            pip=lists["pip"],
            cpu=lists["cpu"],
            gpu=lists["gpu"],
            mpi=lists["mpi"],
            environment_variables={**shared, **own},
            notes=self._optional(f"{place}.notes", entry.get("notes")),
        )

    def _optional(self, key: str, value: object) -> str:
        return "" if value is None else self.text(key, value)

    def _range(self, key: str, value: object) -> str:
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        text = self.text(key, value)
        try:
            SpecifierSet(text)
        except InvalidSpecifier as error:
            raise self.bad(key, value, "a range, such as '>=3.8,<3.12'") from error
        return text


def _contains(allowed: str, version: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return bool(SpecifierSet(allowed).contains(version))
