"""What known packages need to be built from source, by a data file of ours."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.environments.names import canonical_name

if TYPE_CHECKING:
    from packaging.requirements import Requirement

DATA = Path(__file__).with_name("source_builds.json")


def matching(requirements: Sequence[str], constraints: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the entries of the data file for the packages that the lines pin.

    Each has ``package``, ``variables``, ``requirements`` and ``why``. A package without an exact
    version has no entry: which version comes is not known beforehand. What an entry is built
    ``against`` is required as the user asks for it, for the build sees no other package.
    """
    pins = dict(_pins((*requirements, *constraints)))
    if not pins:
        return []
    from packaging.specifiers import SpecifierSet

    return [
        _filled(entry, requirements, constraints)
        for entry in json.loads(DATA.read_text(encoding="utf-8"))
        if entry["package"] in pins
        and SpecifierSet(entry["versions"]).contains(pins[entry["package"]], prereleases=True)
    ]


def notices(entries: Iterable[dict[str, Any]]) -> list[str]:
    """One sentence for every entry."""
    return [
        f"if {entry['package']} is built from source, then with {_shown(entry)}: {entry['why']}"
        for entry in entries
    ]


def _shown(entry: dict[str, Any]) -> str:
    variables = [f'{name}="{value}"' for name, value in entry["variables"].items()]
    return ", ".join([*variables, *entry["requirements"]])


def _filled(
    entry: dict[str, Any], requirements: Iterable[str], constraints: Iterable[str]
) -> dict[str, Any]:
    asked = [item for item in _read(requirements) if canonical_name(item.name) in entry["against"]]
    names = {canonical_name(item.name) for item in asked}
    limits = [item for item in _read(constraints) if canonical_name(item.name) in names]
    needed = dict.fromkeys([*entry["requirements"], *map(str, (*asked, *limits))])
    return {
        "package": entry["package"],
        "variables": entry["variables"],
        "requirements": list(needed),
        "why": entry["why"],
    }


def _pins(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    pinned = [line for line in lines if "==" in line]
    for requirement in _read(pinned) if pinned else ():
        for specifier in requirement.specifier:
            if specifier.operator == "==" and not specifier.version.endswith("*"):
                yield canonical_name(requirement.name), specifier.version


def _read(lines: Iterable[str]) -> Iterator[Requirement]:
    """The lines that name a package, without hashes."""
    from packaging.requirements import InvalidRequirement, Requirement

    for line in lines:
        try:
            yield Requirement(line.partition(" --hash")[0])
        except InvalidRequirement:  # a path, an address or an editable project
            continue
