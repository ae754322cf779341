"""The target 'amlcompute': nodes that are there for one run and gone with it (spec 2.1, 2.2)."""

from __future__ import annotations

from collections.abc import Mapping

from runyard.computes.local import LocalTarget
from runyard.computes.protocol import Handle
from runyard.record.layout import RunDirectory
from runyard.record.owner import Ownership


class RunBasedTarget(LocalTarget):
    """Of a run's own nodes none is ever taken: nothing waits, and nothing is left to remove."""

    name = "amlcompute"

    def submit(self, run: RunDirectory, ownership: Ownership, secrets: Mapping[str, str]) -> Handle:
        """Start the runner; it inherits the run's lock and this process's environment."""
        return {**super().submit(run, ownership, secrets), "target": self.name}
