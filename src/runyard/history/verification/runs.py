"""Whether run directories are whole, and keep their laws."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import Any

from runyard.history.entry import newer_format
from runyard.history.run_folders import experiment_names
from runyard.history.verification.finding import Finding
from runyard.record import jsonl, run_json
from runyard.record.events import State
from runyard.record.layout import FORMAT, RunDirectory, WorkspaceDirectory
from runyard.record.states import Status

_COPY = "put a copy of it back, or remove the run: rm -r "
_LINKS = ("outputs", "logs")
UNREADABLE = (OSError, ValueError, TypeError, AttributeError, RecursionError, MemoryError)
"""What reading a damaged file raises."""


class Runs:
    """All runs of a workspace. ``snapshots``: after `examine`, a run of each that is named."""

    def __init__(
        self, workspace: WorkspaceDirectory, deep: bool, before_each: Callable[[], None]
    ) -> None:
        self._workspace = workspace
        self._before_each = before_each
        self._deep = deep
        self.count = 0
        self.snapshots: dict[str, str] = {}

    def examine(self) -> Iterator[Finding]:
        """What is wrong with them."""
        for experiment in experiment_names(self._workspace):
            folder = self._workspace.experiment(experiment)
            names = set(os.listdir(folder))
            for name in sorted(names):
                if not name.startswith("."):
                    yield from self._run(self._workspace.run(experiment, name), names)

    def _run(self, run: RunDirectory, siblings: set[str]) -> Iterator[Finding]:
        self._before_each()
        try:
            names = set(os.listdir(run.path))
        except NotADirectoryError:
            yield Finding("warning", run.path, "is no run directory", "remove it, or move it away")
            return
        except FileNotFoundError:
            if os.path.islink(run.path):
                yield Finding("error", run.path, "is a link to nowhere", "put back what it led to")
            return
        if "run.json" not in names:
            yield from _without_a_record(run, names)
            return
        self.count += 1
        record, problem = _record(run)
        if problem is not None:
            yield problem
            return
        self._remember(run, record)
        yield from _events(run, record)
        yield from self._lines(run, names)
        yield from _links(run, names)
        parent = record.get("parent")
        if isinstance(parent, str) and parent not in siblings:
            text = f"its parent {parent} is not in this workspace"
            yield Finding("warning", run.path, text, "import the parent as well, or leave it so")

    def _remember(self, run: RunDirectory, record: dict[str, Any]) -> None:
        if isinstance(record.get("snapshot"), str):
            self.snapshots.setdefault(record["snapshot"], run.path)

    def _lines(self, run: RunDirectory, names: set[str]) -> Iterator[Finding]:
        """Files of lines, one writer each: notes always, those that may be large when deep."""
        folders = ["notes", *(("metrics", "ranks") if self._deep else ())]
        for folder in sorted(names.intersection(folders)):
            for path in _of_lines(run.join(folder)):
                yield from _damaged_lines(path)


def _without_a_record(run: RunDirectory, names: set[str]) -> Iterator[Finding]:
    if names <= {*RunDirectory.FOLDERS}:
        text = "is a run that was never finished being made; nobody was told of it"
        yield Finding("warning", run.path, text, "runyard gc --yes removes it")
        return
    yield Finding("error", run.run_json, "is not there", _COPY + run.path)


def _record(run: RunDirectory) -> tuple[dict[str, Any], Finding | None]:
    try:
        record = run_json.read(run)
        if record.get("format", FORMAT) > FORMAT:
            text, advice = newer_format(record["format"]), "upgrade runyard"
            return record, Finding("error", run.run_json, text, advice)
    except FileNotFoundError:
        return {}, None  # removed meanwhile
    except UNREADABLE as error:
        return {}, Finding("error", run.run_json, reason(error), _COPY + run.path)
    found = record.get("id"), record.get("experiment")
    if found != (run.id, run.experiment):
        text = f"is of the run {found[0]!r} of the experiment {found[1]!r}"
        advice = f"move the folder to runs/{found[1]}/{found[0]}"
        return record, Finding("error", run.run_json, text, advice)
    return record, None


def _events(run: RunDirectory, record: dict[str, Any]) -> Iterator[Finding]:
    problems: list[str] = []
    try:
        events = jsonl.read(run.events, problems)
        state = State(events)
    except UNREADABLE as error:
        yield Finding("error", run.events, reason(error), _COPY + run.path)
        return
    for problem in (*problems, *(f"{event!r:.200} is not an event" for event in state.damaged)):
        yield Finding("error", run.events, _within(problem, run.events), _COPY + run.path)
    if problems or state.damaged:
        return
    yield from _laws(run, record, events, state)


def _laws(
    run: RunDirectory, record: dict[str, Any], events: list[dict[str, Any]], state: State
) -> Iterator[Finding]:
    by_hand = "compare it with a copy; nothing of runyard writes that"
    if not state.status.ended:
        return
    end = next(n for n, e in enumerate(events) if Status(e["status"]).ended)
    if end != len(events) - 1:
        yield Finding("error", run.events, "goes on after the end of the run", by_hand)
    if state.reason is not None and state.reason.status is not state.status:
        text = f"ends as {state.status} for the reason {state.reason.value}"
        yield Finding("error", run.events, text, by_hand)
    submitted = record.get("type") == "azureml.scriptrun"
    if submitted and state.status is Status.COMPLETED and state.started is None:
        yield Finding("error", run.events, "is Completed and was never Running", by_hand)


def _of_lines(folder: str) -> Iterator[str]:
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    yield from (os.path.join(folder, name) for name in names if name.endswith(".jsonl"))


def _damaged_lines(path: str) -> Iterator[Finding]:
    problems: list[str] = []
    advice = "remove the damaged lines; the others are read without them"
    try:
        jsonl.read(path, problems)
    except UNREADABLE as error:
        yield Finding("error", path, reason(error), "put a copy of it back, or remove it")
    for problem in problems[:10]:
        yield Finding("error", path, _within(problem, path), advice)


def _links(run: RunDirectory, names: set[str]) -> Iterator[Finding]:
    """``outputs`` and ``logs`` lead into ``work/``, or are folders of their own."""
    for name in _LINKS:
        place, target = run.join(name), os.path.join("work", name)
        if name not in names:
            if _is_folder(run.join(target)):
                yield Finding(
                    *("error", place, "is not there, so its files are not found"),
                    advice=f"ln -s {target} {place}",
                    mend=lambda target=target, place=place: os.symlink(target, place),  # type: ignore[misc]
                )
        elif os.path.islink(place) and os.readlink(place) != target:
            text = f"leads to {os.readlink(place)!r} and not to {target!r}"
            yield Finding("error", place, text, f"ln -sfn {target} {place}, if that has the files")


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _within(problem: str, path: str) -> str:
    """Without the path, which the finding has."""
    line = problem.removeprefix(f"{path}:")
    return f"line {line}" if line != problem else problem


def reason(error: BaseException) -> str:
    """Why a file could not be read."""
    text = getattr(error, "strerror", None) or str(error)
    return f"cannot be read: {text or type(error).__name__}"
