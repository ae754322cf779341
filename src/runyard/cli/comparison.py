"""What differs between two runs; no word of it is printed here."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.cli import data_lines, output
from runyard.cli.facts import Facts, artifact, command_words
from runyard.errors import UserErrorException
from runyard.record import files, metrics, regular

if TYPE_CHECKING:
    from runyard.data.input_changes import InputChange
    from runyard.history.snapshots import SnapshotDiff, SnapshotStore
    from runyard.record.layout import RunDirectory

_TEXT_BYTES = 1 << 20

Change = tuple[Any, Any]
"""The value in the first run and in the second; None where it has none."""


@dataclass(frozen=True)
class Comparison:
    """Only what differs is in it. ``source`` None: one of the two has no snapshot."""

    source: SnapshotDiff | None
    environment: dict[str, Change]
    packages: dict[str, Change]
    arguments: dict[str, Change]
    variables: dict[str, Change]
    inputs: list[InputChange]
    metrics: dict[str, Change]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        source = self.source
        moved = source is not None and (source.added or source.removed or source.changed)
        job = (self.environment, self.packages, self.arguments, self.variables)
        return not (moved or any(job) or self.inputs or self.metrics)


def compare(first: Facts, second: Facts) -> Comparison:
    """Compare two runs of one workspace."""
    return Comparison(
        source=_source(first, second),
        environment=changes(_environment(first), _environment(second)),
        packages=changes(_packages(first), _packages(second)),
        arguments=changes(_job(first), _job(second)),
        variables=changes(first.variables, second.variables),
        inputs=_inputs(first, second),
        metrics=changes(_metrics(first), _metrics(second)),
    )


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Change]:
    """Keys with different values, in the order of the first mapping, then of the second."""
    keys = dict.fromkeys([*before, *after])
    pairs = {key: (before.get(key), after.get(key)) for key in keys}
    return {
        key: pair
        for key, pair in pairs.items()
        # By text, because NaN is not equal to itself.
        if key not in before or key not in after or repr(pair[0]) != repr(pair[1])
    }


def _store(found: Facts) -> SnapshotStore:
    from runyard.history.snapshots import SnapshotStore

    return SnapshotStore(Path(found.run.workspace.path))


def _source(first: Facts, second: Facts) -> SnapshotDiff | None:
    a, b = first.record.get("snapshot"), second.record.get("snapshot")
    return _store(first).diff(a, b) if a and b else None


def _environment(found: Facts) -> dict[str, Any]:
    environment = {**found.environment, "image": found.image}
    return {
        key: environment.get(key)
        for key in ("kind", "image", "python_version", "requirements", "constraints", "options")
        if environment.get(key)
    }


def _packages(found: Facts) -> dict[str, str]:
    """Name → version of what was installed: the lock."""
    lock = found.environment.get("lock") or ()
    lines = lock if isinstance(lock, list) else str(lock).splitlines()
    return dict(_package(line) for line in lines)


def _package(line: object) -> tuple[str, str]:
    name, equals, version = str(line).partition("==")
    if equals:
        return name.strip(), version.strip()
    name, _, place = str(line).partition(" @ ")
    return name.strip(), place.strip()


def _job(found: Facts) -> dict[str, Any]:
    spec = found.spec
    words = data_lines.in_words(command_words(spec), spec)
    keys = ("target", "max_run_duration_s", "launcher", "node_count", "processes_per_node")
    processes = {key: value for key, value in (spec.get("distribution") or {}).items() if value}
    data = data_lines.together(spec)
    return {
        **_arguments(words),
        **{key: spec[key] for key in keys if key in spec},
        **processes,
        **({"data": data} if data else {}),
    }


def _arguments(words: list[str]) -> dict[str, Any]:
    """The words of a command line: flags with the values behind them, and the rest in order.

    A flag given twice has all its values.
    """
    found: dict[str, Any] = {}
    flag = "command"
    for word in words:
        if word.startswith("-") and not _is_number(word):
            flag, equals, value = word.partition("=")
            values = found.setdefault(flag, [])
            if equals:
                values.append(value)
        else:
            found.setdefault(flag, []).append(word)
    return {name: " ".join(values) for name, values in found.items()}


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _inputs(first: Facts, second: Facts) -> list[InputChange]:
    before, after = first.inputs, second.inputs
    # Without its script having begun, a run has read nothing yet.
    if not (before and after) and not (first.state.started and second.state.started):
        return []
    from runyard.data import input_changes

    return input_changes.changes(before, after)


def _metrics(found: Facts) -> dict[str, Any]:
    problems: list[str] = []
    values = metrics.read_metrics(found.run, problems=problems)
    for problem in problems:
        output.warning(f"left out: {problem}")
    return {name: _comparable(found.run, value) for name, value in values.items()}


def _comparable(run: RunDirectory, value: Any) -> Any:
    """A value as it is; images and the like by their content, not by the run they lie in."""
    if isinstance(value, list):
        return [_comparable(run, item) for item in value]
    name = artifact(run, value)
    if name is None:
        return value
    try:
        with regular.open_to_read(files.source_of(run, name), regular.LIMIT_BYTES) as stream:
            content = stream.read()
    except (OSError, UserErrorException):
        return f"file {name}, which is not there"
    return _File(name, hashlib.sha256(content).hexdigest())


class _File(str):
    """A file as it is shown; `changes` goes by its content alone, whatever it is called."""

    _digest: str

    def __new__(cls, name: str, digest: str) -> _File:
        made = super().__new__(cls, f"file {name}, sha256 {digest[:12]}…")
        made._digest = digest
        return made

    def __repr__(self) -> str:
        return f"file with sha256 {self._digest}"


def text_diff(first: Facts, second: Facts) -> list[str]:
    """The lines of a unified diff of the sources; binary files are only named."""
    source = _source(first, second)
    if source is None:
        return []
    paths = sorted({*source.added, *source.removed, *source.changed})
    before, after = _Contents(first), _Contents(second)
    return [line for path in paths for line in _file_diff(path, before, after)]


class _Contents:
    """The texts of a snapshot's files."""

    def __init__(self, found: Facts) -> None:
        self._blobs = Path(found.run.workspace.blobs)
        entries = _store(found).entries(str(found.record["snapshot"]))
        self._entries = {entry.path: entry for entry in entries}

    def lines(self, path: str) -> list[str] | None:
        """The lines of a text file, [] when there is none; None for what is no text."""
        entry = self._entries.get(path)
        if entry is None or entry.kind == "d":
            return []
        if entry.kind == "l":
            return [f"link to {entry.blob}"]
        if entry.size_bytes > _TEXT_BYTES:
            return None
        content = (self._blobs / entry.blob[:2] / entry.blob).read_bytes()
        try:
            return None if b"\0" in content else content.decode("utf-8").splitlines()
        except UnicodeDecodeError:
            return None


def _file_diff(path: str, before: _Contents, after: _Contents) -> list[str]:
    old, new = before.lines(path), after.lines(path)
    if old is None or new is None:
        return [f"Binary or large file {path} differs"]
    found = list(difflib.unified_diff(old, new, f"a/{path}", f"b/{path}", lineterm=""))
    return found or [f"The mode of {path} differs"]
