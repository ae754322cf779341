"""Removing environments that are no longer used, and saying so."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from runyard.cli import environment_list, formats, opening, output
from runyard.environments import pruning
from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from runyard.environments.pruning import Decision

_DAY_S = 86400.0
_GB = 1e9


def prune(
    older_than_days: float | None, max_size_gb: float | None, dry_run: bool, as_json: bool
) -> None:
    """Remove, or show what would be. Raises UserErrorException when no limit is given."""
    if older_than_days is None and max_size_gb is None:
        raise UserErrorException(
            "give what to remove: --older-than DAYS, --max-size GB, or both, such as "
            "runyard env prune --older-than 30 --dry-run"
        )
    decisions = pruning.prune(
        now=time.time(),
        older_than_s=None if older_than_days is None else older_than_days * _DAY_S,
        max_bytes=None if max_size_gb is None else max_size_gb * _GB,
        wanted=wanted(),
        dry_run=dry_run,
    )
    if as_json:
        output.to_json([_plain(decision) for decision in decisions])
        return
    for decision in decisions:
        output.text(_line(decision, dry_run))
    freed = sum(d.cached.size_bytes for d in decisions if d.removed)
    count = sum(d.removed for d in decisions)
    verb = "would be removed" if dry_run else "removed"
    output.notice(f"{formats.count(count, 'environment')} {verb}, {formats.size(freed)}")


def _line(decision: Decision, dry_run: bool) -> str:
    item = decision.cached
    name = f"{environment_list.short(item.key)} {item.name} {formats.size(item.size_bytes)}"
    if not decision.removed:
        return f"{name}: {decision.why}"
    return f"{name}: {'would be removed' if dry_run else 'removed'}: {decision.why}"


def _plain(decision: Decision) -> dict[str, object]:
    item = decision.cached
    return {
        "key": item.key,
        "name": item.name,
        "size_bytes": item.size_bytes,
        "removed": decision.removed,
        "why": decision.why,
    }


def wanted() -> frozenset[str]:
    """Keys of the runs of this workspace, if there is one, that have not ended."""
    workspace = opening.if_any()
    if workspace is None:
        return frozenset()
    unended = (entry for entry in workspace.select() if entry.ended is None)
    return frozenset(entry.environment for entry in unended if entry.environment)
