"""What differs between what two runs have read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Fingerprint = Mapping[str, Any]
"""One input of a run's inputs.json."""

_NAMED = 3
"""How many files a sentence names."""


@dataclass(frozen=True)
class InputChange:
    """One input that differs. ``first``, ``second``: its fingerprints, None where a run lacks it.

    ``added``, ``removed``, ``changed``: paths of files. ``note``: what more there is to know,
    and why no files are named where none are.
    """

    name: str
    first: Fingerprint | None
    second: Fingerprint | None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    note: str = ""

    def __str__(self) -> str:
        words = (("new", self.added), ("missing", self.removed), ("changed", self.changed))
        parts = [_files(word, paths) for word, paths in words if paths]
        if not parts:
            return self.note
        return ", ".join(parts) + (f"; {self.note}" if self.note else "")


def changes(first: Iterable[Fingerprint], second: Iterable[Fingerprint]) -> list[InputChange]:
    """The inputs that differ between two runs, by name; those of unnamed references by place."""
    pairs = _paired(list(first), list(second))
    found = (change(name, before, after) for name, before, after in pairs)
    return [item for item in found if item is not None]


def _paired(
    first: list[Fingerprint], second: list[Fingerprint]
) -> list[tuple[str, Fingerprint | None, Fingerprint | None]]:
    left = {item["name"]: item for item in second}
    pairs: list[tuple[str, Fingerprint | None, Fingerprint | None]] = []
    alone = []
    for item in first:
        other = left.pop(item["name"], None)
        if other is None:
            alone.append(item)
        else:
            pairs.append((called(item), item, other))
    by_place = {_place(item): name for name, item in left.items()}
    for item in alone:
        name = by_place.pop(_place(item), None)
        pairs.append((called(item), item, None if name is None else left.pop(name)))
    return [*pairs, *((called(item), None, item) for item in left.values())]


def called(item: Fingerprint) -> str:
    """Its name, or its place where the name is a random one (spec 15.2)."""
    name = str(item["name"])
    is_random = len(name) == 32 and all(letter in "0123456789abcdef" for letter in name)
    return place(item) if is_random else name


def place(item: Fingerprint) -> str:
    """Where it lies, in words: ``store:path``, or the dataset with its version."""
    if item.get("dataset"):
        return f"{item['dataset']} version {item['version']}"
    if item.get("datastore"):
        return f"{item['datastore']}:{item['path']}" if item["path"] else str(item["datastore"])
    return str(item.get("source") or item.get("id"))


def _place(item: Fingerprint) -> tuple[Any, ...]:
    return (item["kind"], item.get("datastore"), item.get("path"), item.get("dataset"))


def change(name: str, before: Fingerprint | None, after: Fingerprint | None) -> InputChange | None:
    """How one input differs; None where it does not, as far as can be known."""
    if before is None or after is None:
        return InputChange(name, before, after)
    is_elsewhere = place(before) != place(after)
    if before["digest"] == after["digest"]:
        return InputChange(name, before, after, note="the same files") if is_elsewhere else None
    if before["shallow"] or after["shallow"]:
        return _of_large_folders(name, before, after)
    if before["entries"] is None or after["entries"] is None:
        return InputChange(name, before, after, note="too many files to name those that differ")
    return _of_files(name, before, after)


def _of_large_folders(name: str, before: Fingerprint, after: Fingerprint) -> InputChange | None:
    if before["mode"] != after["mode"]:
        note = "not compared: a large mounted folder is not looked into"
    elif not (before["shallow"] and after["shallow"]):
        note = "another number of files"
    elif before["source"] != after["source"]:
        note = "another folder; large mounted folders are not looked into"
    else:
        note = "files have been added or removed, or the folder was made anew"
    return InputChange(name, before, after, note=note)


def _of_files(name: str, before: Fingerprint, after: Fingerprint) -> InputChange | None:
    old = {path: (size_bytes, etag) for path, size_bytes, etag in before["entries"]}
    new = {path: (size_bytes, etag) for path, size_bytes, etag in after["entries"]}
    note = ""
    # Of one storage an etag says nothing about a file on another.
    if before["source"] != after["source"] and before.get("datastore") != after.get("datastore"):
        note = "in different places: files of one path and size count as the same"
        old, new = ({path: (file[0], "") for path, file in files.items()} for files in (old, new))
    both = [path for path in old if path in new]
    return InputChange(
        name,
        before,
        after,
        added=tuple(path for path in new if path not in old),
        removed=tuple(path for path in old if path not in new),
        changed=tuple(path for path in both if old[path] != new[path]),
        note=note,
    )


def _files(word: str, paths: tuple[str, ...]) -> str:
    noun = "file" if len(paths) == 1 else "files"
    more = ", …" if len(paths) > _NAMED else ""
    return f"{len(paths)} {word} {noun} ({', '.join(paths[:_NAMED])}{more})"
