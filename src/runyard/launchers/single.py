"""One process on one node: the ordinary run."""

from __future__ import annotations

from runyard.launchers import entry
from runyard.launchers.plan import LaunchPlan, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


class SingleLauncher:
    """Starts the script, or the command, once on the first node."""

    def plan(self, spec: Mapping[str, Any], nodes: Sequence[str], python: str) -> LaunchPlan:
        """The one process of the run; its log is std_log.txt."""
        argv, variables = entry.command_line(spec, python), entry.variables(spec, python)
        return LaunchPlan([Process(0, argv, variables, "std_log.txt", entry.python_path(spec))])
