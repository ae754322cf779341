"""The run a command is about: workspace, name and what is known of it, in one step."""

from __future__ import annotations

from runyard.cli import facts, opening, run_names
from runyard.cli.facts import Facts
from runyard.history.reconcile import reconcile_run
from runyard.record.events import read_state


def run_facts(name: str) -> Facts:
    """What is known of the run that is meant. Raises UserErrorException without one."""
    workspace = opening.existing()
    run = run_names.resolve(workspace, name)
    reachable = read_state(run).status.ended or reconcile_run(run)
    found = facts.read(run, reachable)
    facts.warn_of_problems(found)
    return found
