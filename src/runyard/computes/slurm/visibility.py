"""What the nodes must see of this machine, as far as it can be told before a run is submitted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from runyard import _lending, _names
from runyard.computes import runner_process
from runyard.computes.protocol import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runyard.record.layout import WorkspaceDirectory


def problems(spec: Any, workspace: WorkspaceDirectory, record: Mapping[str, Any]) -> list[Problem]:
    """What a run needs that is not in the target's ``shared_directory``; [] without one."""
    shared = record.get("shared_directory")
    if not shared:
        return []
    place = os.path.realpath(shared)
    return [
        Problem(
            "compute_target",
            f"{path} ({what}) is not in {shared}, its shared_directory, so the nodes do not see "
            f"it; {advice}",
        )
        for path, what, advice in _needed(spec, workspace, record)
        if os.path.commonpath([place, _place_of(path)]) != place
    ]


def _place_of(path: str) -> str:
    """Where it lies; the python of a venv is a link to one that nodes may well have themselves."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)


def _needed(
    spec: Any, workspace: WorkspaceDirectory, record: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    """Paths, what they are, and how they come to lie elsewhere."""
    yield workspace.path, "the workspace", "make one there: runyard init DIR"
    if not record.get("python"):
        advice = "install runyard there, or attach the target with python=, one on the nodes"
        yield _lending.client_python(), "the Python of runyard", advice
        yield runner_process.RUNNER, "runyard itself", advice
    environment = spec.environment
    if spec.container is not None:
        if environment.image and environment.image.name.startswith("/"):
            yield environment.image.name, "the image", "put it there"
    elif environment.kind == "user_managed":
        yield environment.interpreter, "the interpreter of the run", "use one that is there"
    else:
        folder = _names.load("runyard.environments.cache:cache_dir")()
        yield folder, "the environments", "set RUNYARD_CACHE_DIR to a folder there"
