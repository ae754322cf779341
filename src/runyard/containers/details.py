"""What an engine knows of an image and of a container."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_NEVER = "0001-01-01"
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")


class ImageDetails(NamedTuple):
    """An image that is on this machine.

    ``id`` ('sha256:...'), ``size_bytes``, ``environment`` (its variables), ``user`` ('' for root),
    ``entrypoint``, ``labels``, ``repo_digests`` ('name@sha256:...', empty for one built here).
    """

    id: str
    size_bytes: int
    environment: dict[str, str]
    user: str
    entrypoint: tuple[str, ...]
    labels: dict[str, str]
    repo_digests: tuple[str, ...]


class ContainerState(NamedTuple):
    """A container, running or ended.

    ``running``; ``started``, whether its command was ever started; ``exit_code``, that of the
    command, of no meaning while it runs; ``out_of_memory``, the kernel ended a process of it at
    its memory limit; ``error``, why the engine could not start it, or ''; ``begun`` and ``ended``,
    when its command did so, in seconds since 1970, None where it has not or that is not told.
    """

    running: bool
    started: bool
    exit_code: int
    out_of_memory: bool
    error: str
    begun: float | None = None
    ended: float | None = None


class Finished(NamedTuple):
    """A container that ran to its end: exit code, and the end of its output."""

    exit_code: int
    output: str


def image_of(record: Mapping[str, Any]) -> ImageDetails:
    """Read what ``image inspect`` says of one image."""
    config = record.get("Config") or {}
    pairs = [line.partition("=") for line in config.get("Env") or ()]
    return ImageDetails(
        id=with_algorithm(record["Id"]),
        size_bytes=int(record.get("Size") or 0),
        environment={name: value for name, _, value in pairs},
        user=config.get("User") or "",
        entrypoint=tuple(config.get("Entrypoint") or ()),
        labels=dict(config.get("Labels") or {}),
        repo_digests=tuple(record.get("RepoDigests") or ()),
    )


def state_of(record: Mapping[str, Any]) -> ContainerState:
    """Read the ``State`` that ``container inspect`` says of one container."""
    running = bool(record.get("Running"))
    return ContainerState(
        running=running,
        started=not str(record.get("StartedAt") or _NEVER).startswith(_NEVER),
        exit_code=int(record.get("ExitCode") or 0),
        out_of_memory=bool(record.get("OOMKilled")),
        error=str(record.get("Error") or ""),
        begun=moment(record.get("StartedAt")),
        ended=None if running else moment(record.get("FinishedAt")),
    )


def moment(text: Any) -> float | None:
    """A time of an engine, '2026-11-22T16:15:29.123456789+01:00' or with Z, since 1970 in seconds.

    None for that of what has not happened, and for any other text.
    """
    found = _MOMENT.fullmatch(str(text))
    if found is None or found[1].startswith(_NEVER):
        return None
    zone = "+00:00" if found[3] == "Z" else found[3]
    try:
        whole = datetime.datetime.fromisoformat(found[1] + zone).timestamp()
    except ValueError:
        return None
    return whole + float(f"0{found[2] or ''}")


def with_algorithm(image_id: str) -> str:
    """The id with its algorithm, which podman leaves out."""
    return image_id if ":" in image_id else f"sha256:{image_id}"


def registry_of(reference: str) -> str:
    """The address of the registry in an image's name: 'docker.io' where it names none."""
    first, slash, _ = reference.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    return first if named else "docker.io"
