"""Tags, properties, names and children of a run: ``notes/<writer>.jsonl``, one file a process.

Notes of all writers are merged by time. Tags and names: the last note wins. Properties never
change once set (spec 12.8).
"""

import os
import time

from runyard.errors import UserErrorException
from runyard.record import creation, events, jsonl
from runyard.record.layout import RunDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional

RANK = "RUNYARD_RANK"
"""The variable by which a process of a distributed run knows its rank."""


_WITH_KEY = ("tag", "untag", "property")
_TEXT_OR_NONE = (str, type(None))
_VALUES: "Dict[str, Any]" = {
    "tag": str,
    "property": str,
    "display_name": _TEXT_OR_NONE,
    "description": _TEXT_OR_NONE,
    "child": str,
    "error": dict,
}
"""What the value of a note is."""


class Notes:
    """What the notes of a run add up to, on top of what run.json says."""

    def __init__(self, record: "Dict[str, Any]") -> None:
        self.tags: "Dict[str, str]" = dict(record.get("tags") or {})
        self.properties: "Dict[str, str]" = dict(record.get("properties") or {})
        self.display_name: "Optional[str]" = record.get("display_name")
        self.description: "Optional[str]" = record.get("description")
        self.children: "List[str]" = []
        self.errors: "List[Dict[str, Any]]" = []

    def apply(self, note: "Dict[str, Any]") -> None:
        """Take one more note into account; notes come in the order of their time."""
        kind, key = note.get("kind"), note.get("key", "")
        value: "Any" = note.get("value")
        if kind == "tag":
            self.tags[key] = value
        elif kind == "untag":
            self.tags.pop(key, None)
        elif kind == "property":
            self.properties.setdefault(key, value)
        elif kind == "display_name":
            self.display_name = value
        elif kind == "description":
            self.description = value
        elif kind == "child":
            self.children.append(value)
        elif kind == "error":
            self.errors.append(value)


def read_notes(
    run: RunDirectory, record: "Dict[str, Any]", problems: "Optional[List[str]]" = None
) -> Notes:
    """The notes of a run; ``record`` is its run.json."""
    notes = Notes(record)
    for note in merged(run.notes, problems):
        notes.apply(note)
    return notes


def merged(folder: str, problems: "Optional[List[str]]" = None) -> "List[Dict[str, Any]]":
    """The records of all ``*.jsonl`` in a folder, by their time ``t``.

    Within a file the time never runs back, even where the clock of the machine did.
    """
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    records: "List[Dict[str, Any]]" = []
    for name in names:
        if name.endswith(".jsonl"):
            records.extend(_of_one_writer(os.path.join(folder, name), problems))
    records.sort(key=_time)
    return records


def _of_one_writer(path: str, problems: "Optional[List[str]]") -> "Iterator[Dict[str, Any]]":
    latest = 0.0
    for record in jsonl.read_part(path, problems):
        if not _is_valid(record):
            if problems is not None:
                problems.append("{}: not a note: {!r:.200}".format(path, record))
            continue
        latest = max(latest, jsonl.moment(record) or 0.0)
        yield dict(record, t=latest)


def _is_valid(note: "Dict[str, Any]") -> bool:
    """Whether a line that was read can be a note; one of a kind not known here may be."""
    kind = note.get("kind")
    value_type = _VALUES.get(kind, object) if isinstance(kind, str) else ()
    key_type = str if kind in _WITH_KEY else object
    return isinstance(note.get("value"), value_type) and isinstance(note.get("key"), key_type)


def _time(note: "Dict[str, Any]") -> float:
    found: float = note["t"]
    return found


def writer_name() -> str:
    """A file name no other process uses: host, pid and random digits.

    In front of it the rank of a process of a distributed run: ``rank3+``, which no host begins
    with.
    """
    host = "".join(c if c.isalnum() or c in "-_." else "_" for c in os.uname()[1])
    rank = os.environ.get(RANK, "")
    prefix = "rank{}+".format(rank) if rank.isdigit() else ""
    return "{}{}-{}-{}.jsonl".format(prefix, host, os.getpid(), creation.random_hex(4))


def rank_of(name: str) -> "Optional[int]":
    """The rank of the process that writes a file; None where it is none of a distributed run."""
    prefix, plus, _ = name.partition("+")
    return int(prefix[4:]) if plus and prefix[:4] == "rank" and prefix[4:].isdigit() else None


class NoteWriter:
    """Writes the notes of this process about one run; a forked child gets a file of its own."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._appender: "Optional[jsonl.Appender]" = None
        self._pid = 0

    def write(self, kind: str, key: "Optional[str]", value: "Any") -> None:
        """Append one note; it is in the file when this returns. Raises RunWriteException."""
        try:
            self._write(kind, key, value)
        except OSError as error:
            from runyard.record import unwritten

            which = kind if key is None else "{} {!r}".format(kind, key)
            what = "{} of run {} was not noted".format(which, self._run.id)
            raise unwritten.error(what, error, self._run.notes)

    def _write(self, kind: str, key: "Optional[str]", value: "Any") -> None:
        if self._appender is None or self._pid != os.getpid():
            # In this order: another thread of a forked child must not find the parent's file.
            self._appender = jsonl.Appender(os.path.join(self._run.notes, writer_name()))
            self._pid = os.getpid()
        note = {"t": time.time(), "kind": kind, "value": value}
        if key is not None:
            note["key"] = key
        self._appender.append(note)
        events.touch(self._run)

    def tag(self, key: str, value: "Any") -> None:
        """Set a tag; values become text, None becomes ''."""
        self.write("tag", str(key), "" if value is None else str(value))

    def add_properties(self, current: "Dict[str, str]", new: "Dict[str, Any]") -> None:
        """Set properties. Raises UserErrorException when one is set already to something else."""
        for key, value in new.items():
            if key in current and current[key] != str(value):
                raise UserErrorException(
                    "property {!r} is already {!r} and cannot be changed to {!r}; properties are "
                    "set once, tags can change".format(key, current[key], str(value))
                )
        for key, value in new.items():
            if key not in current:
                self.write("property", str(key), str(value))
