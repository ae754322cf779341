"""One run as a list shows it, read from its directory."""

from __future__ import annotations

import json
import os
import re
from typing import Any, NamedTuple

from runyard.job.details import properties
from runyard.record import run_json
from runyard.record.events import read_state
from runyard.record.layout import FORMAT, RunDirectory
from runyard.record.notes import read_notes

DAMAGED = "Damaged"
"""Status of a run whose files cannot be read; the entry's ``problem`` says why."""


class Entry(NamedTuple):
    """A run as the index knows it. Times are seconds since 1970, None while not reached."""

    experiment: str
    id: str
    type: str
    parent: str | None
    status: str
    reason: str | None
    created: float
    started: float | None
    ended: float | None
    display_name: str | None
    tags_json: str
    properties_json: str
    target: str | None
    stamp: int
    """Modification time of the run directory in ns when it was read; 0: read it again."""
    problem: str | None
    """Why it is Damaged; of one without an end: why that, or what it does now, may be unread."""
    environment: str | None = None
    """Key of the environment it was submitted with; None where none is built for it."""
    files: str = ""
    """Sizes and times of the files that say how it ended: they may be damaged without a stamp."""

    @property
    def tags(self) -> dict[str, str]:
        """Tags by name."""
        found: dict[str, str] = json.loads(self.tags_json)
        return found

    @property
    def properties(self) -> dict[str, str]:
        """Properties by name."""
        found: dict[str, str] = json.loads(self.properties_json)
        return found


def files_of(run_path: str, folder_fd: int | None = None) -> str:
    """``Entry.files`` of a run directory as it is now; ``folder_fd``: what its path is below."""
    found = []
    for name in ("run.json", "events.jsonl"):
        try:
            state = os.stat(f"{run_path}/{name}", dir_fd=folder_fd)
        except OSError:
            found.append("-")
        else:
            found.append(f"{state.st_size}:{state.st_mtime_ns}")
    return " ".join(found)


def read_entry(run: RunDirectory, stamp: int) -> Entry | None:
    """What the files of a run say now; None when it has no run.json.

    A directory without run.json is a run that is just being created, or whose creator was
    killed before ``submit`` returned: nobody was told of it.
    """
    try:
        return _read(run, stamp)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:  # of this moment: too many open files, a disk that does not answer
        return _damaged(run, 0, f"{type(error).__name__}: {error}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return _damaged(run, stamp, f"{type(error).__name__}: {error}")


def _read(run: RunDirectory, stamp: int) -> Entry:
    files = files_of(run.path)  # as they were before they are read
    record = run_json.read(run)
    if record.get("format", FORMAT) > FORMAT:
        return _damaged(run, stamp, newer_format(record["format"]))
    problems: list[str] = []
    state = read_state(run, problems)
    notes = read_notes(run, record, [])  # show names those that cannot be read
    return Entry(
        experiment=run.experiment,
        id=run.id,
        type=_text(record.get("type")) or "",
        parent=_text(record.get("parent")),
        status=state.status.value,
        reason=state.reason.value if state.reason else None,
        created=float(record["created"]),
        started=state.started,
        ended=state.ended,
        display_name=_text(notes.display_name),
        tags_json=encode(notes.tags),
        properties_json=encode(properties(record, notes)),
        target=_text(target_name(record)),
        stamp=stamp,
        problem=problems[0] if problems and not state.status.ended else None,
        environment=_text(environment_key(record)),
        files=files,
    )


def newer_format(found: object) -> str:
    """The text about files of a format that this release does not know."""
    return (
        f"made by a newer runyard (format {found}; this one reads up to {FORMAT}): upgrade runyard"
    )


def target_name(record: dict[str, Any]) -> str | None:
    """The compute target of a run.json; None for runs that are their own runners."""
    spec = record.get("spec")
    return record.get("target") or (spec.get("target") if isinstance(spec, dict) else None)


def environment_key(record: dict[str, Any]) -> str | None:
    """The key of the environment of a run.json; None for an interpreter used as it is."""
    spec = record.get("spec")
    environment = spec.get("environment") if isinstance(spec, dict) else None
    return (environment.get("key") or None) if isinstance(environment, dict) else None


def encode(values: dict[str, Any]) -> str:
    """Names and values as compact JSON; a value that is not text becomes text."""
    texts = {_text(key): _text(str(value)) for key, value in values.items()}
    return json.dumps(texts, separators=(",", ":"))


def _text(value: object) -> str | None:
    """What the database can hold, or show: a script may give names that are no Unicode text.

    Raises ValueError for what is no text.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.80} is where a text should be")
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


_ID = re.compile(r"_([0-9]{10})_[0-9a-f]{8}")
"""What ``creation.new_run_id`` puts at the end of an id: seconds since 1970 first."""


def _created(run: RunDirectory) -> float:
    """When a run was made whose run.json does not say so; its last change where nothing does."""
    found = _ID.search(run.id)
    if found is not None:
        return float(found[1])
    try:
        return os.stat(run.path).st_mtime
    except OSError:
        return 0.0


def _damaged(run: RunDirectory, stamp: int, problem: str) -> Entry:
    nothing = "{}"
    return Entry(
        experiment=run.experiment,
        id=run.id,
        type="",
        parent=None,
        status=DAMAGED,
        reason=None,
        created=_created(run),
        started=None,
        ended=None,
        display_name=None,
        tags_json=nothing,
        properties_json=nothing,
        target=None,
        stamp=stamp,
        problem=problem,
    )
