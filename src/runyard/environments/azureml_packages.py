"""What ``azureml-*`` packages brought along and scripts rely on, by a data file of ours.

They are not installed: runyard's import tree takes their place. What else came with them, and is
imported by scripts that never name it, stands in ``azureml_packages.json``, taken from the metadata
of their releases: first for which package, extra and versions, then what. No version is asked for,
so that the newest for the run's Python comes, from 3.6 on.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from runyard.environments.names import canonical_name

if TYPE_CHECKING:
    from packaging.requirements import Requirement

DATA = Path(__file__).with_name("azureml_packages.json")


class Brought(NamedTuple):
    """Requirement lines to add, and one notice for each ``azureml-*`` requirement."""

    lines: list[str]
    notices: list[str]


def brought(asked: Iterable[Requirement], present: Collection[str], hashed: bool) -> Brought:
    """What these requirements would have brought, but for what is ``present`` by name.

    ``hashed``: every requirement needs a hash, and none is known for what would be added.
    """
    found = Brought([], [])
    for requirement in asked:
        wanted = list(dict.fromkeys(_of(requirement)))
        names = [name for name in wanted if name not in present]
        found.notices.append(_notice(requirement, names, hashed))
        if not hashed:
            marker = f"; {requirement.marker}" if requirement.marker else ""
            found.lines.extend(f"{name}{marker}" for name in names)
    return Brought(list(dict.fromkeys(found.lines)), list(dict.fromkeys(found.notices)))


def _notice(requirement: Requirement, names: list[str], hashed: bool) -> str:
    text = f"{_shown(requirement)} is not installed: runyard provides azureml itself"
    if not names:
        return text
    if hashed:
        return f"{text}; it brought {', '.join(names)} along, which you name with a hash if needed"
    verb = "is" if len(names) == 1 else "are"
    return f"{text}; {', '.join(names)} {verb} added, which it brought along"


def _shown(requirement: Requirement) -> str:
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}{requirement.specifier}"


def _of(requirement: Requirement) -> Iterator[str]:
    done: set[str] = set()
    for known, names in _known(canonical_name(requirement.name)):
        extra = next(iter(known.extras), "")
        if extra in done or (extra and extra not in _extras(requirement)):
            continue
        if _may_be(requirement, known):
            done.add(extra)
            yield from names


def _extras(requirement: Requirement) -> set[str]:
    return {canonical_name(extra) for extra in requirement.extras}


def _known(name: str) -> Iterator[tuple[Requirement, list[str]]]:
    from packaging.requirements import Requirement

    entries: list[dict[str, Any]] = json.loads(DATA.read_text(encoding="utf-8"))
    for entry in entries:
        for text in entry["requirements"]:
            if text.startswith(name):
                known = Requirement(text)
                if known.name == name:
                    yield known, entry["brought"]


def _may_be(requirement: Requirement, known: Requirement) -> bool:
    """Whether some version is both asked for and known to have brought something.

    One of those at which either range begins or ends.
    """
    if not known.specifier or not requirement.specifier:
        return True
    texts = [item.version for item in (*requirement.specifier, *known.specifier)]
    versions = [text.removesuffix(".*") for text in texts]
    return any(
        requirement.specifier.contains(version, prereleases=True)
        and known.specifier.contains(version, prereleases=True)
        for version in versions
    )
