"""Registered environments: ``<workspace>/environments/<name>/<version>.json``.

Laws: *a version is written once*; *the same content has one version*; *what was returned is on
the disk*. Writers hold the lock of the name's folder, readers need none.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from runyard.environments import curated, definition
from runyard.errors import UserErrorException
from runyard.history import shared_json
from runyard.job.interactive import user_name
from runyard.job.model import workspace_directory
from runyard.record import jsonl

if TYPE_CHECKING:
    from runyard.environments.environment import Environment

FORMAT = 1
LATEST = "latest"
_FOLDER = "environments"
_LABELS = ".labels.json"
_NAME = re.compile(r"[A-Za-z0-9][\w.\-]{0,199}", re.ASCII)

_log = logging.getLogger(__name__)


def register(workspace: Any, environment: Environment) -> Environment:
    """What ``Environment.register`` does."""
    name = _checked_name(environment.name)
    digest = definition.digest(environment)
    with _writing(_folder(workspace, name)) as folder:
        records = _records(folder)
        version = environment.version
        if version is not None:
            _log.warning("environment %r: version %r is used as it is set", name, version)
            same = [r for r in records if r["version"] == version]
            _refuse_other(same, digest, name, str(version))
        else:
            same = [record for record in records if record["digest"] == digest][-1:]
            version = _next_version(records)
        record = same[0] if same else _write(folder, environment, str(version), digest, records)
    return _environment(record, folder)


def get(workspace: Any, name: str, version: str | None, label: str | None) -> Environment:
    """A registered version: the one named, the one with the label, else the latest."""
    folder = _folder(workspace, name)
    records = _records(folder)
    if not records:
        raise UserErrorException(_unknown_name(workspace, name))
    if label is not None and label != LATEST:
        version = _labels(folder).get(label)
        if version is None:
            raise UserErrorException(_unknown("label", label, name, sorted(_labels(folder))))
    if version is None:
        return _environment(records[-1], folder)
    found = [record for record in records if record["version"] == str(version)]
    if not found:
        versions = [record["version"] for record in records]
        raise UserErrorException(_unknown("version", str(version), name, versions))
    return _environment(found[0], folder)


def latest(workspace: Any) -> dict[str, Environment]:
    """The latest version of each registered environment, by name."""
    found = {}
    for name in _names(workspace):
        folder = _folder(workspace, name)
        records = _records(folder)
        if records:
            found[name] = _environment(records[-1], folder)
    return found


def label(workspace: Any, name: str, version: str, labels: Iterable[str]) -> None:
    """What ``Environment.label`` does."""
    texts = list(labels) if not isinstance(labels, str) else [labels]
    for text in texts:
        if not isinstance(text, str) or not text.strip() or text == LATEST:
            raise UserErrorException(
                f"label {text!r} cannot be used; give text other than {LATEST!r}, which is always "
                "the newest version"
            )
    found = get(workspace, name, str(version), None)
    folder = _folder(workspace, name)
    path = os.path.join(folder, _LABELS)
    shared_json.change(path, lambda _: dict.fromkeys(texts, found.version))


def refuse_both(version: object, label: object) -> None:
    """Raise UserErrorException when both are given."""
    if version is not None and label is not None:
        raise UserErrorException(
            f"version={version!r} and label={label!r} are both given; give one of them"
        )


# Files


@contextmanager
def _writing(folder: str) -> Iterator[str]:
    os.makedirs(folder, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(lock)


def _write(
    folder: str,
    environment: Environment,
    version: str,
    digest: str,
    records: list[dict[str, Any]],
) -> dict[str, Any]:
    if not _NAME.fullmatch(version):
        raise UserErrorException(
            f"version={version!r} cannot be used; give letters, digits, '.', '-' and '_', or None "
            "for the next number"
        )
    content = definition.of(environment) | {"version": version, "assetId": None}
    record = {
        "format": FORMAT,
        "name": environment.name,
        "version": version,
        "number": 1 + max((int(r["number"]) for r in records), default=0),
        "digest": digest,
        "created": time.time(),
        "user": user_name(),
        "definition": content,
    }
    jsonl.write_once(os.path.join(folder, f"{version}.json"), record)
    jsonl.sync_file(os.path.dirname(folder))
    return record


def _records(folder: str) -> list[dict[str, Any]]:
    """The versions in the order they were registered; one that cannot be read is named."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    found = []
    for name in names:
        if name.endswith(".json") and not name.startswith("."):
            record = _record(os.path.join(folder, name))
            if record is not None:
                found.append(record)
    return sorted(found, key=lambda record: int(record["number"]))


def _record(path: str) -> dict[str, Any] | None:
    try:
        record = jsonl.read_json(path)
        if record["format"] > FORMAT:
            raise UserErrorException(
                f"{path} was written by a newer runyard (format {record['format']}; this one "
                f"reads up to {FORMAT}): upgrade runyard"
            )
        int(record["number"])
        str(record["version"]), str(record["digest"]), record["definition"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("%s is left out: it cannot be read: %s", path, error)
        return None
    return record


def _environment(record: dict[str, Any], folder: str) -> Environment:
    version = record["version"]
    return definition.read(record["definition"], os.path.join(folder, f"{version}.json"))


def _labels(folder: str) -> dict[str, Any]:
    try:
        return shared_json.read(os.path.join(folder, _LABELS))
    except ValueError as error:
        raise UserErrorException(f"the labels cannot be read: {error}", error) from error


def _folder(workspace: Any, name: str) -> str:
    return os.path.join(_root(workspace), _checked_text(name))


def _root(workspace: Any) -> str:
    return os.path.join(workspace_directory(workspace).path, _FOLDER)


def _names(workspace: Any) -> list[str]:
    try:
        return sorted(name for name in os.listdir(_root(workspace)) if _NAME.fullmatch(name))
    except FileNotFoundError:
        return []


# Names and versions


def _checked_name(name: str) -> str:
    if curated.is_reserved(name):
        raise UserErrorException(
            f"an environment cannot be registered as {name!r}: names beginning with "
            f"{' or '.join(curated.PREFIXES)} are those of curated environments; give it another "
            "name with clone('my-env')"
        )
    return _checked_text(name)


def _checked_text(name: object) -> str:
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise UserErrorException(
        f"environment name {name!r} cannot be registered; give up to 200 letters, digits, '.', "
        "'-' and '_', the first a letter or digit"
    )


def _next_version(records: list[dict[str, Any]]) -> str:
    numbers = [int(r["version"]) for r in records if str(r["version"]).isdecimal()]
    return str(1 + max(numbers, default=0))


def _refuse_other(same: list[dict[str, Any]], digest: str, name: str, version: str) -> None:
    if same and same[0]["digest"] != digest:
        raise UserErrorException(
            f"environment {name!r} has a version {version!r} with another content; set version "
            "to None to register this one under the next number"
        )


def _unknown(kind: str, given: str, name: str, known: list[str]) -> str:
    listed = ", ".join(known) or "none"
    return f"environment {name!r} has no {kind} {given!r}; it has {listed}"


def _unknown_name(workspace: Any, name: str) -> str:
    from difflib import get_close_matches

    names = _names(workspace)
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"registered are: {', '.join(names) or 'none'}"
    return f"the workspace has no environment {name!r}; {hint}"
