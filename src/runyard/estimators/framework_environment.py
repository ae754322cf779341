"""The packages of a framework, added to those of the user (spec 3.1, 3.2)."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from runyard.environments import conda_planning, conda_translation, interpreters, requirement_lines
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.environment import Environment
from runyard.environments.names import canonical_name, package_name
from runyard.errors import UserErrorException
from runyard.estimators.framework_data import Framework, FrameworkVersion


class Added(NamedTuple):
    """What was added to an environment, and what was left out for the user's own.

    ``overridden``: pairs of the user's line and ours. ``kept``: our lines that were added.
    ``python``: the Python the user asks for where our packages are not made for it, else ''.
    """

    overridden: list[tuple[str, str]]
    kept: list[str]
    python: str


def add(
    environment: Environment,
    framework: Framework,
    version: FrameworkVersion,
    *,
    gpu: bool,
    mpi: bool,
    image: bool,
    source_directory: Path,
    left_out: Collection[str] = (),
) -> Added:
    """Add Python and packages of a framework's version to an environment.

    A package to which the user gives a version that ours excludes, an address or a path, is
    theirs. Where the framework itself is theirs, what we pin exactly comes in any version that
    fits. ``image``: Python is that of an image. ``left_out``: packages not to add. Raises
    UserErrorException for a requirement that cannot be read.
    """
    dependencies = environment.python.conda_dependencies
    python = _set_python(dependencies, version, image)
    theirs = _Theirs.of(dependencies, source_directory)
    overridden, kept = [], []
    for line in version.requirements(gpu=gpu, mpi=mpi):
        name = package_name(line)
        if name in left_out:
            continue
        own = theirs.line(framework.alike(name))
        if not own or _agree(own, line):
            kept.append(line)
            continue
        overridden.append((own, line))
        if not theirs.installs(framework.alike(name)):
            kept.append(name)
    if any(package_name(ours) in framework.package for _, ours in overridden):
        kept = [package_name(line) if "==" in line else line for line in kept]
    dependencies.set_pip_requirements([*dependencies.pip_lines, *kept])
    return Added(overridden, kept, python)


# Packages


class _Theirs(NamedTuple):
    """The user's lines that say which version they want, by the package's name for pip.

    ``limits`` are constraints: they say the version and install nothing.
    """

    requirements: dict[str, str]
    limits: dict[str, str]

    @classmethod
    def of(cls, dependencies: CondaDependencies, source_directory: Path) -> _Theirs:
        read = requirement_lines.read(
            dependencies.pip_lines, dependencies.origins, source_directory.absolute()
        )
        requirements = {name: line for line in read.requirements if (name := _decided(line))}
        of_conda = conda_planning.packages_beyond_venv(dependencies)
        names = conda_translation.names_on_index() if of_conda else {}
        for line in of_conda:
            name = package_name(line)
            requirements.setdefault(names.get(name, name), line)
        return cls(requirements, {_decided(line): line for line in read.constraints})

    def line(self, names: Sequence[str]) -> str:
        """The first line about one of the packages, '' for none."""
        lines = {**self.limits, **self.requirements}
        return next((lines[name] for name in names if name in lines), "")

    def installs(self, names: Sequence[str]) -> bool:
        return any(name in self.requirements for name in names)


def _decided(line: str) -> str:
    """The package whose version the line decides, '' for a mere name."""
    from packaging.requirements import InvalidRequirement, Requirement

    text = line.partition(" --hash")[0].removeprefix("-e ")
    try:
        requirement = Requirement(text)
    except InvalidRequirement:  # a path or an address; archives begin with the name
        return canonical_name(text.rpartition("/")[2].partition("-")[0])
    return canonical_name(requirement.name) if requirement.specifier or requirement.url else ""


def _agree(theirs: str, ours: str) -> bool:
    """Whether some version of a package is in both lines."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        first, second = Requirement(theirs.partition(" --hash")[0]), Requirement(ours)
    except InvalidRequirement:
        return False
    if first.url or canonical_name(first.name) != canonical_name(second.name):
        return False
    both = first.specifier & second.specifier
    named = [item.version.removesuffix(".*") for item in both]
    # Just above a limit, at it, or below all of them: elsewhere nothing changes.
    tried = ["0", *named, *(f"{version}.0.1" for version in named)]
    return any(both.contains(version, prereleases=True) for version in tried)


# Python


def _set_python(dependencies: CondaDependencies, version: FrameworkVersion, image: bool) -> str:
    """Ask for a Python unless the user does; return theirs where it does not fit."""
    asked = dependencies.get_python_version()
    if asked is not None:
        return "" if _may_fit(asked, version.python) else asked
    conda = bool(conda_planning.packages_beyond_venv(dependencies))
    dependencies.set_python_version(_preferred(version, conda, image))
    return ""


def _preferred(version: FrameworkVersion, conda: bool, image: bool) -> str:
    default = version.default_python
    if not default or image:  # of an image, any Python in the range is as good
        return version.python
    if conda:  # which brings every Python
        return default
    try:
        interpreters.find(default)
    except UserErrorException:
        return version.python
    return default


def _may_fit(asked: str, allowed: str) -> bool:
    """Whether a version or range of Pythons has one in another; True where it cannot be read."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    text = interpreters.without_build(asked)
    plain = _PLAIN.match(text)
    try:
        first = SpecifierSet(f"=={plain[1]}.*" if plain else text)
    except InvalidSpecifier:  # said when the run is planned
        return True
    second = SpecifierSet(allowed)
    return any(
        first.contains(f"3.{minor}{micro}") and second.contains(f"3.{minor}{micro}")
        for minor in range(6, 40)
        for micro in ("", ".99")
    )


_PLAIN = re.compile(r"^={0,2}\s*(\d+(?:\.\d+)?)(?:\.\d+|\.\*)*$")
