"""How a runner reaches the nodes its target gave it.

Found by the target's name, not through the target itself: the runner needs the channel before the
script starts, and what a target imports to start runs would be in the way.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runyard.computes.protocol import NodeChannel

_LOCAL = "runyard.computes.local_channel:LocalChannel"

_PLACES: dict[str, str] = {}
"""Targets that give more nodes than the one their runner is on."""


def open_channel(target: str) -> NodeChannel:
    """The channel of a run on that target; without one of its own, the node the runner is on."""
    module, _, attribute = _PLACES.get(target, _LOCAL).partition(":")
    channel: NodeChannel = getattr(importlib.import_module(module), attribute)()
    return channel
