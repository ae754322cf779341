"""What staging found out of the places of a run: ``data.json``, and ``error`` where it failed.

The process that stages is another one than the runner. Standard library only.
"""

from __future__ import annotations

from runyard.record import jsonl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from runyard.data.places import Place
    from runyard.record.layout import RunDirectory

_FOUND = (
    *("seen", "here", "mounts", "source", "file_name", "files", "size_bytes", "kept"),
    "is_fuse",
)


def write(run: RunDirectory, found: Sequence[Place], error: dict[str, Any] | None) -> None:
    """Write down what is known of the places now. Raises OSError."""
    told: dict[str, Any] = {} if error is None else {"error": error}
    told["places"] = [{name: getattr(place, name) for name in _FOUND} for place in found]
    jsonl.write_once(run.data_json, told, sync=False)


def read(run: RunDirectory) -> dict[str, Any]:
    """What `write` has written; {} where nothing is."""
    try:
        return jsonl.read_json(run.data_json)
    except (FileNotFoundError, ValueError):
        return {}


def apply(found: Sequence[Place], told: dict[str, Any]) -> None:
    """Let planned places be what they were found to be."""
    for place, facts in zip(found, told.get("places") or (), strict=False):
        for name, value in facts.items():
            setattr(place, name, value)
        place.mounts = [(here, there, read_only) for here, there, read_only in place.mounts]
