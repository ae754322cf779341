"""A run as JSON: what ``show --json`` prints, and ``submit --json`` of the run it started."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from runyard.cli.facts import Facts
from runyard.job.details import iso_time
from runyard.record import files


def of_run(found: Facts) -> dict[str, Any]:
    """Everything about a run; times are UTC as ISO 8601, None for what has not happened."""
    record, spec = found.record, found.spec
    return {
        **in_short(found),
        "error": found.error,
        "type": record.get("type"),
        "parent": record.get("parent"),
        "children": found.notes.children,
        "description": found.notes.description,
        "tags": found.notes.tags,
        "properties": found.notes.properties,
        "target": spec.get("target"),
        "job": found.job,
        **{key: spec.get(key) for key in ("launcher", "node_count", "processes_per_node")},
        "distribution": spec.get("distribution"),
        "source_directory": spec.get("source_directory"),
        "script": spec.get("script"),
        "arguments": spec.get("arguments"),
        "command": spec.get("command"),
        "environment_variables": spec.get("environment_variables"),
        "secret_variables": spec.get("secret_variables"),
        "max_run_duration_s": spec.get("max_run_duration_s"),
        "max_restarts": spec.get("max_restarts", 0),
        "environment": found.environment or None,
        "inputs": [_without(item, "entries") for item in found.inputs],
        "snapshot": record.get("snapshot"),
        "git": record.get("git"),
        "notices": record.get("notices"),
        "user": record.get("user"),
        "host": record.get("host"),
        "version": record.get("version"),
        "files": files.names(found.run),
    }


def in_short(found: Facts) -> dict[str, Any]:
    """Which run, how it stands, when."""
    state, place = found.state, found.place
    return {
        "run_id": found.run.id,
        "experiment": found.run.experiment,
        "display_name": found.notes.display_name,
        "directory": found.run.path,
        "status": found.status.value,
        "reason": state.reason.value if state.reason else None,
        "queue": place and place._asdict(),
        "exit_code": found.exit_code,
        "created": time_text(found.record.get("created")),
        "started": time_text(state.started),
        "ended": time_text(state.ended),
        "duration_s": found.seconds(time.time()),
    }


def time_text(seconds: float | None) -> str | None:
    """Seconds since 1970 as ISO 8601 in UTC."""
    return None if seconds is None else iso_time(float(seconds))


def _without(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != key}
