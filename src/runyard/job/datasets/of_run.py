"""The datasets that are inputs of the run this process belongs to."""

import os

from runyard.job import context
from runyard.job.datasets import opened
from runyard.record import jsonl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, Optional


def by_id(dataset_id: str) -> "Any":
    """The input with that id, None where there is none."""
    return _first({"id": dataset_id})


def by_name(name: str, version: "Any") -> "Any":
    """The input that is this very version of a registered dataset, None where there is none.

    The latest version is a question to the registry: it may not be that of the input.
    """
    text = str(version)
    return _first({"dataset": name, "version": int(text)}) if text.isdigit() else None


def _first(wanted: "Dict[str, Any]") -> "Any":
    for content in _contents():
        if all(content.get(key) == value for key, value in wanted.items()):
            return opened(content)
    return None


def _contents() -> "Iterator[Dict[str, Any]]":
    run = context.current()
    folder = run.datasets if run is not None else ""
    names: "Optional[Any]" = sorted(os.listdir(folder)) if folder and os.path.isdir(folder) else ()
    for name in names or ():
        if name.endswith(".json"):
            yield jsonl.read_json(os.path.join(folder, name))
