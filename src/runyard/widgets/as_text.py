"""A run as text, for places without a notebook."""

from __future__ import annotations

from typing import Any

from runyard.widgets.log_tail import tail
from runyard.widgets.run_view import RunView

_LOG_LINES = 15
_METRICS = 12


def text_of(view: RunView) -> str:
    """State, tags, metrics, children and the end of the log, as they are now."""
    summary, log = view.summary(), view.log()
    lines = [_head(summary)]
    lines += [f"  {text}" for text in (summary["queue"], *_why(summary)) if text]
    lines += [_listed("tags", summary["tags"])]
    metrics = view.metrics()
    last = {name: series["last"] for name, series in metrics["series"].items()}
    lines += [_listed("metrics", dict([*last.items(), *metrics["texts"].items()][:_METRICS]))]
    children = view.children()
    if children["count"]:
        lines += [f"  children: {children['count']}"]
    lines += [f"  everything about it: runyard show {summary['run_id']}"]
    text = tail(f"{summary['path']}/{log['name']}", _LOG_LINES) if log["name"] else ""
    if text:
        lines += [f"the last lines of {log['name']}:", text]
    return "\n".join(line for line in lines if line)


def _head(summary: dict[str, Any]) -> str:
    name = f" {summary['display_name']!r}" if summary["display_name"] else ""
    where = f" on {summary['target']}" if summary["target"] else ""
    return (
        f"Run {summary['run_id']}{name} of experiment {summary['experiment']!r}: "
        f"{summary['status']}{where}, {summary['duration_s']} s"
    )


def _why(summary: dict[str, Any]) -> list[str]:
    error = summary["error"]
    if error:
        return [summary["reason"].partition(":")[0], error["message"], error["hint"]]
    return []


def _listed(what: str, values: dict[str, Any]) -> str:
    return f"  {what}: " + ", ".join(f"{k}={v}" for k, v in values.items()) if values else ""
