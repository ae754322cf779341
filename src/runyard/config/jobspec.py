"""``JobSpec``: the frozen, fully resolved description of one run."""

from __future__ import annotations

from typing import Any

import msgspec

from runyard.data.spec import DataSpec
from runyard.environments.spec import EnvironmentSpec


class ContainerSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the container of a run is started; ``environment.image`` says of which image.

    ``shm_size``: of its /dev/shm, as the engine reads it ('2g'). ``arguments``: the user's own
    options for the engine's ``run``, each one word.
    """

    shm_size: str
    arguments: tuple[str, ...] = ()


class JobSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the runner reads, as ``run.json``'s ``spec``; no secret is in it.

    ``source_directory``: absolute path the snapshot was taken of. ``script``: path inside it,
    None when there is a ``command``. ``arguments``: text in order, ``$NAME`` not yet expanded.
    ``command``: a tuple is an argv, text goes to a shell, None: the script is run.
    ``target``: name of the compute target. ``environment_variables``: those that may be stored;
    ``secret_variables``: names of those that may not. ``max_run_duration_s``: None is no limit.
    ``grace_period_s``: from the request to stop to the kill. ``launcher``: how the processes
    start. ``container``: None where the run uses none. ``framework``, ``communicator``: the
    words of SDK v1 (spec 5). ``data``: the data references, in the order of their names' first use.
    """

    source_directory: str
    script: str | None
    arguments: tuple[str, ...]
    command: tuple[str, ...] | str | None
    target: str
    environment: EnvironmentSpec
    environment_variables: dict[str, str]
    secret_variables: tuple[str, ...]
    max_run_duration_s: float | None
    grace_period_s: float = 10.0
    node_count: int = 1
    processes_per_node: int = 1
    launcher: str = "single"
    container: ContainerSpec | None = None
    framework: str = "Python"
    communicator: str = "None"
    data: tuple[DataSpec, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The plain form written to run.json."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain
