"""The packages that users install with runyard, of constraints.txt: not those of ``dev``."""

import re
import sys
from pathlib import Path
from typing import NamedTuple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REPO = Path(__file__).resolve().parent.parent

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)(?: ; (?P<marker>[^\\]+?))? ?\\?$")
_WORD = re.compile(r"[A-Za-z0-9._-]+")


class Pin(NamedTuple):
    """``name==version ; marker``; ``wanted_by``: the packages that ask for it."""

    name: str
    version: str
    marker: str
    wanted_by: frozenset[str]


def own_packages() -> list[Pin]:
    """Of the dependencies and all extras but ``dev``, and what these need, on every Python."""
    pins = read_pins((REPO / "constraints.txt").read_text())
    wanted = _asked_for()
    while True:
        more = {pin.name for pin in pins if pin.wanted_by & wanted} - wanted
        if not more:
            return [pin for pin in pins if pin.name in wanted]
        wanted |= more


def read_pins(text: str) -> list[Pin]:
    """The pins of constraints.txt, as uv writes it: ``# via`` says who wants each."""
    pins: list[Pin] = []
    for line in text.splitlines():
        found = _PIN.match(line)
        if found:
            marker = (found["marker"] or "").strip()
            pins.append(Pin(_same(found["name"]), found["version"], marker, frozenset()))
        elif line.startswith("    #") and pins:
            words = line.strip(" #").removeprefix("via").split()
            if words and _WORD.fullmatch(words[0]):
                last = pins[-1]
                pins[-1] = last._replace(wanted_by=last.wanted_by | {_same(words[0])})
    return pins


def _asked_for() -> set[str]:
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(x for n, e in extras.items() if n != "dev" for x in e)]
    return {_same(found.group()) for line in lines if (found := _WORD.match(line))}


def _same(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
