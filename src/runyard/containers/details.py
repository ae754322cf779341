"""What an engine knows of an image and of a container."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

_NEVER = "0001-01-01"


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
    its memory limit; ``error``, why the engine could not start it, or ''.
    """

    running: bool
    started: bool
    exit_code: int
    out_of_memory: bool
    error: str


class Finished(NamedTuple):
    """A container that ran to its end: exit code, the end of its output, and its state."""

    exit_code: int
    output: str
    out_of_memory: bool


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
    return ContainerState(
        running=bool(record.get("Running")),
        started=not str(record.get("StartedAt") or _NEVER).startswith(_NEVER),
        exit_code=int(record.get("ExitCode") or 0),
        out_of_memory=bool(record.get("OOMKilled")),
        error=str(record.get("Error") or ""),
    )


def with_algorithm(image_id: str) -> str:
    """The id with its algorithm, which podman leaves out."""
    return image_id if ":" in image_id else f"sha256:{image_id}"


def registry_of(reference: str) -> str:
    """The address of the registry in an image's name: 'docker.io' where it names none."""
    first, slash, _ = reference.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    return first if named else "docker.io"
