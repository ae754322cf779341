"""Nodes as a target gives them."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.launchers.plan import Places


def places(ports: Sequence[int], count: int = 2) -> Places:
    """Nodes ``node-0``, ... at 10.0.0.1, ..., each with the ports from 4000 that were asked for."""
    return Places(
        [f"node-{node}" for node in range(count)],
        [f"10.0.0.{node + 1}" for node in range(count)],
        ports=[list(range(4000, 4000 + of_node)) for of_node in ports],
    )
