"""Another id for a run that is imported: its id is taken where it comes to."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from itertools import count
from typing import Any

from runyard.record import jsonl
from runyard.record.layout import RunDirectory

ORIGIN = "runyard.imported_as_another_id_of"
"""Property of a renamed run: the id it had."""


def free_name(run_id: str, taken: Collection[str]) -> str:
    """``<id>-2``, or the next number that is free."""
    return next(name for n in count(2) if (name := f"{run_id}-{n}") not in taken)


def rename(run: RunDirectory, new: str, names: Mapping[str, str]) -> None:
    """Change what a run that is not published yet says of itself, its parent and its children.

    ``names``: the new ids of all runs that come, by the old ones. Raises OSError, ValueError.
    """
    if all(old == now for old, now in names.items()):
        return
    record = jsonl.read_json(run.run_json)
    parent = record.get("parent")
    record["parent"] = names.get(str(parent), parent)
    if new != run.id:
        properties = {**(record.get("properties") or {}), ORIGIN: run.id}
        record.update(id=new, properties=properties)
    jsonl.write_once(run.run_json, record, sync=False)
    for name in sorted(os.listdir(run.notes)):
        if name.endswith(".jsonl"):
            _rename_children(os.path.join(run.notes, name), names)


def _rename_children(path: str, names: Mapping[str, str]) -> None:
    found = jsonl.read(path)
    renamed = [_renamed(note, names) for note in found]
    if renamed != found:
        with open(path, "wb") as stream:
            stream.writelines(map(jsonl.encode, renamed))


def _renamed(note: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    if note.get("kind") == "child" and note.get("value") in names:
        return {**note, "value": names[note["value"]]}
    return note
