"""How a runner reaches the nodes its target gave it.

Found by a word that the target put among the runner's variables, not through the target itself:
the runner needs the channel before the script starts, and what a target imports to start runs would
be in the way.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runyard.computes.protocol import NodeChannel
    from runyard.record.layout import RunDirectory

VARIABLE = "RUNYARD_CHANNEL"
"""Which channel the runner is to open; the script does not get it."""

CONTAINERS = "RUNYARD_CONTAINERS"
"""By what the nodes of the target run images: 'apptainer', 'pyxis'; not set: by an engine."""

_LOCAL = "runyard.computes.local_channel:LocalChannel"

_REHEARSED = "runyard.computes.rehearsed_channel:RehearsedChannel"

_PLACES: dict[str, str] = {"slurm": "runyard.computes.slurm.channel:SlurmChannel"}
"""Engines that give more nodes than the one their runner is on."""

_INTERRUPTIONS = {"slurm": "runyard.computes.slurm.interrupted"}
"""Engines that end jobs by signals, for reasons of which they can be asked."""


class Command:
    """A command for a channel's ``start_all``.

    ``node``: index of its node; ``argv``: program and arguments; ``env``: its own variables.
    """

    __slots__ = ("argv", "env", "node")

    def __init__(self, node: int, argv: Sequence[str], env: Mapping[str, str]) -> None:
        self.node = node
        self.argv = tuple(argv)
        self.env = dict(env)


def open_channel(spec: Mapping[str, Any], run: RunDirectory) -> NodeChannel:
    """The channel of a run; without one of its target, the machine the runner is on.

    ``spec``: the JobSpec as it stands in run.json.
    """
    here = _REHEARSED if spec.get("node_count", 1) > 1 else _LOCAL
    place = _PLACES.get(os.environ.get(VARIABLE, ""), here)
    module, _, attribute = place.partition(":")
    channel: NodeChannel = getattr(_module(module), attribute)(spec, run)
    return channel


def _module(name: str) -> Any:
    __import__(name)  # importlib takes half a millisecond before the script starts
    return sys.modules[name]


def containers() -> str:
    """By what the target's nodes run images, '' where an engine of this machine does."""
    return os.environ.get(CONTAINERS, "")


def interruptions() -> Any:
    """A module that knows why this runner is told to end; None where a signal says all there is.

    ``why()``: an Interruption, None when nobody ends the job. ``ends_at()``: when the target will
    end it, in seconds since 1970, None: not known. ``give_back()``: has it queue the run again.
    """
    place = _INTERRUPTIONS.get(os.environ.get(VARIABLE, ""))
    return None if place is None else _module(place)
