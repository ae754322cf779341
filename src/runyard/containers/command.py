"""The command line that starts a container."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from runyard.containers import arguments

if TYPE_CHECKING:
    from runyard.containers.engine import Engine

_SELINUX = "/sys/fs/selinux/enforce"


class Mount(NamedTuple):
    """A file or folder of this machine, ``source``, seen in the container at ``target``."""

    source: str
    target: str
    read_only: bool = False


def run_command(
    engine: Engine,
    image: str,
    command: Sequence[str],
    *,
    name: str,
    workdir: str = "",
    mounts: Sequence[Mount] = (),
    variables: Mapping[str, str | None] | None = None,
    shm_size: str = "",
    user_arguments: Sequence[str] = (),
    gpus: bool = False,
    labels: Mapping[str, str] | None = None,
    interactive: bool = False,
) -> list[str]:
    """Return the command line that runs ``command`` in a new container of a local image.

    The container has this machine's network, and files that it makes belong to the calling user.
    It stays when it has ended, for its state to be read. ``variables``: a name with None takes
    its value from the environment of whoever runs the command line, where no ``ps`` shows it.
    ``interactive`` keeps standard input open. ``user_arguments`` come after the options of ours,
    which are left out where the user gives the same. Raises UserErrorException for arguments that
    a run cannot have (see ``arguments.check``).
    """
    given = arguments.check(user_arguments).arguments
    ours = [
        *(("--network", "host"),),
        *_user(engine),
        *((("--shm-size", shm_size),) if shm_size else ()),
        *((("--workdir", workdir),) if workdir else ()),
        ("--log-driver", "none"),
        ("--pull", "never"),
        *(_gpus(engine) if gpus else ()),
    ]
    return [
        *(engine.program, "run", "--name", name),
        *(("--interactive",) if interactive else ()),
        *(f"{option}={value}" for option, value in ours if not arguments.gives(given, option)),
        *(("--security-opt=label=disable",) if os.path.exists(_SELINUX) else ()),
        *(part for mount in mounts for part in ("--mount", _mount(mount))),
        *label_options(labels),
        *(part for item in (variables or {}).items() for part in ("--env", _variable(*item))),
        *given,
        *("--entrypoint", command[0], image, *command[1:]),
    ]


def label_options(labels: Mapping[str, str] | None) -> list[str]:
    """The options that give labels to a container or an image."""
    return [part for item in (labels or {}).items() for part in ("--label", "=".join(item))]


def _user(engine: Engine) -> list[tuple[str, str]]:
    user = f"{os.getuid()}:{os.getgid()}"
    if not engine.rootless:
        return [("--user", user)]
    if engine.name == "podman":
        return [("--userns", "keep-id"), ("--user", user)]
    # The user ids of a rootless docker begin with the calling user, who is 0 in the container.
    return [("--user", "0:0")]


def _gpus(engine: Engine) -> list[tuple[str, str]]:
    if engine.name == "docker":
        return [("--gpus", "all")]
    return [("--device", "nvidia.com/gpu=all")]


def _mount(mount: Mount) -> str:
    parts = ["type=bind", f"src={mount.source}", f"dst={mount.target}"]
    parts += ["readonly"] if mount.read_only else []
    return ",".join(_csv_field(part) for part in parts)


def _csv_field(text: str) -> str:
    """The text as one field of a line of comma-separated values, which ``--mount`` takes."""
    if not any(character in text for character in ',"\n'):
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def _variable(name: str, value: str | None) -> str:
    return name if value is None else f"{name}={value}"
