"""Which ``azureml`` a program of this environment imports, and why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from typing import NamedTuple

from runyard import _tree

_TIME_LIMIT_S = 10.0
# The folder of a program comes first on its path: here it is taken off, for there is none.
_PROBE = """
import sys; del sys.path[:1]
import json, importlib.util
spec = importlib.util.find_spec("azureml")
places = list(spec.submodule_search_locations or ()) if spec else []
print(json.dumps([spec.origin, places] if spec else None))
"""


class Choice(NamedTuple):
    """``winner``: 'runyard', 'other' or 'none'; ``place``: its folder; ``others``: installed."""

    winner: str
    place: str
    others: list[str]
    why: str

    def text(self) -> str:
        """One sentence."""
        beside = f"; installed as well: {', '.join(self.others)}" if self.others else ""
        if self.winner == "none":
            return f"import azureml finds nothing: {self.why}"
        name = "runyard" if self.winner == "runyard" else ", ".join(self.others) or self.place
        beside = beside if self.winner == "runyard" else ""
        return f"import azureml finds {name}: {self.why}{beside}"


def describe() -> str:
    """The sentence for a terminal."""
    return choose().text()


def choose() -> Choice:
    """Ask a new interpreter, as programs find it."""
    origin, places = _found()
    others = others_installed()
    if origin is None and not places:
        return Choice("none", "", others, "runyard azureml enable, or runyard exec -- COMMAND")
    place = os.path.dirname(origin) if origin else places[0]
    shim = os.path.dirname(place)
    if shim == _tree.SCRIPT_PATH:
        return Choice("runyard", place, others, "it is first on PYTHONPATH, as in runs")
    if shim == _tree.ENABLED_PATH:
        return Choice("runyard", place, others, "runyard azureml enable put it on the path")
    if origin is None:
        why = f"{place} has no __init__.py, what remains of an azureml that was removed"
        return Choice("none", place, others, f"{why}; runyard azureml enable")
    return Choice("other", place, others, f"{place} comes first on the path")


def _found() -> tuple[str | None, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", _PROBE],
        capture_output=True,
        text=True,
        timeout=_TIME_LIMIT_S,
        check=True,
    )
    origin, places = json.loads(done.stdout) or (None, [])
    return origin, places


def others_installed() -> list[str]:
    """Names and versions of distributions that have an ``azureml`` of their own."""
    found = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"] or ""
        if name.lower().replace("_", "-").startswith("azureml") and _owns(distribution):
            found[name] = f"{name} {distribution.version}"
    return sorted(found.values())


def _owns(distribution: metadata.Distribution) -> bool:
    return any(path.parts[:1] == ("azureml",) for path in distribution.files or ())
