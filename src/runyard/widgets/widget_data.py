"""What ``RunDetails.get_widget_data`` returns: a `RunView` by the names of SDK v1."""

from __future__ import annotations

from typing import Any

from runyard.widgets.run_view import RunView


def widget_data(view: RunView, settings: dict[str, Any]) -> dict[str, Any]:
    """A dict that JSON can hold (spec 17)."""
    summary, log = view.summary(), view.log()
    metrics = view.metrics()
    while metrics["more"]:
        metrics = view.metrics()
    children = view.children()["rows"]
    return {
        "status": summary["status"],
        "workbench_run_details_uri": f"file://{summary['path']}",
        "run_id": summary["run_id"],
        "run_properties": _properties(summary, log["names"]),
        "child_runs": [_child(row, number) for number, row in enumerate(children, 1)],
        "children_metrics": {row["run_id"]: row["metrics"] for row in children},
        "run_metrics": _charts(summary["run_id"], metrics, view.images()),
        "run_logs": "\n".join(part for part in (log["text"], _error(summary)) if part),
        "graph": {},
        "widget_settings": settings,
        "loading": False,
    }


def _properties(summary: dict[str, Any], logs: list[str]) -> dict[str, Any]:
    return {
        "run_id": summary["run_id"],
        "created_utc": summary["created"],
        "start_utc": summary["started"],
        "end_time_utc": summary["ended"],
        "run_duration": _duration(summary["duration_s"]),
        "status": summary["status"],
        "queue": summary["queue"],
        "target": summary["target"],
        "script_name": summary["script"] or None,
        "arguments": " ".join(summary["arguments"]) or None,
        "properties": summary["properties"],
        "tags": summary["tags"],
        "log_files": {name: f"{summary['path']}/{name}" for name in logs},
        "log_groups": [
            group
            for folder in ("user_logs/", "system_logs/")
            if (group := [name for name in logs if name.startswith(folder)])
        ],
    }


def _child(row: dict[str, Any], number: int) -> dict[str, Any]:
    return {
        "run_id": row["run_id"],
        "run_number": number,
        "run_name": row["display_name"] or row["run_id"],
        "status": row["status"],
        "created_time": row["created"],
        "start_time": row["started"],
        "end_time": row["ended"],
        "duration": _duration(row["duration_s"]),
        "metric": next(iter(row["metrics"].values()), None),
    }


def _charts(run_id: str, metrics: dict[str, Any], images: dict[str, str]) -> list[dict[str, Any]]:
    found = []
    for name, series in metrics["series"].items():
        points = series["points"]
        found.append(
            {
                "name": name,
                "run_id": run_id,
                "categories": [x for x, _ in points],
                "series": [{"data": [y for _, y in points]}],
            }
        )
    for name, table in metrics["tables"].items():
        rows = [{"name": column, "data": values} for column, values in table.items()]
        found.append({"name": name, "run_id": run_id, "categories": [], "series": rows})
    for name, address in images.items():
        found.append({"name": name, "run_id": run_id, "image": address})
    return found


def _error(summary: dict[str, Any]) -> str:
    return str(summary["error"].get("message", ""))


def _duration(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
