"""What known packages need to be built from source, by a data file of ours."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from runyard.environments.names import canonical_name

DATA = Path(__file__).with_name("source_builds.json")


def matching(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Return the entries of the data file for the packages that the lines pin.

    ``lines``: requirements and constraints. A package without an exact version has no entry:
    which version comes is not known beforehand.
    """
    pins = dict(_pins(lines))
    if not pins:
        return []
    from packaging.specifiers import SpecifierSet

    return [
        entry
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


def _pins(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    pinned = [line for line in lines if "==" in line]
    if not pinned:
        return
    from packaging.requirements import InvalidRequirement, Requirement

    for line in pinned:
        try:
            requirement = Requirement(line.partition(" --hash")[0])
        except InvalidRequirement:  # a path, an address or an editable project
            continue
        for specifier in requirement.specifier:
            if specifier.operator == "==" and not specifier.version.endswith("*"):
                yield canonical_name(requirement.name), specifier.version
