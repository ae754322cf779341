"""What has changed in a run directory, as one object of a datastore: lines of JSON.

The first line is ``{"format": 1}``. Each other has ``path``, relative to the run directory, and

* ``at``, ``data`` (base64): bytes from that offset on, of a file that is only appended to; with
  ``cut``, the file ends there;
* ``data`` or ``object``, ``mode``: all of a file, in the line or in the object of that number;
* ``link``: a symbolic link to there; ``folder``: a folder; ``removed``: nothing is there any more.

The last line of the last one is ``{"end": true}``. Objects are there whole or not at all, so no
reader sees a part of one. Standard library only.
"""

from __future__ import annotations

import base64
import json
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    Change = dict[str, Any]

FORMAT = 1
ROOT = "azureml"

NOT_SENT = frozenset(
    ["run.json", "runner.lock", "handle.json", "container.json", "requests", "relay"]
)
"""Of the run directory; each machine has its own."""

_TEMPORARY = re.compile(r"\.[0-9]+\.tmp$")
"""What ``jsonl.write_once`` writes to before a file takes its name."""

APPENDED = ("metrics", "notes", "user_logs", "system_logs")
"""Folders of files that are only appended to; so is events.jsonl."""


def prefix(run_id: str) -> str:
    """Where all objects of a run lie on its datastore."""
    return f"{ROOT}/{run_id}"


def back(run_id: str, number: int) -> str:
    """The path of the change of that number, counted from 1."""
    return f"{prefix(run_id)}/back/{number:06}"


def request(run_id: str, number: int) -> str:
    """The path of the request of that number, counted from 1."""
    return f"{prefix(run_id)}/requests/{number:06}"


def snapshot(snapshot_id: str) -> str:
    """The path of the source of runs."""
    return f"{ROOT}/snapshots/{snapshot_id}.tar"


def encode(changes: Iterable[Change]) -> bytes:
    """The content of an object."""
    lines = ({"format": FORMAT}, *changes)
    return b"".join(json.dumps(line).encode("ascii") + b"\n" for line in lines)


def decode(content: bytes) -> list[Change]:
    """The changes of an object. Raises ValueError for what is none, or of a newer format."""
    head, *changes = (json.loads(line) for line in content.splitlines())
    if head.get("format") != FORMAT:
        raise ValueError(f"format {head.get('format')!r}, and this version reads {FORMAT}")
    return changes


def packed(data: bytes) -> str:
    """Bytes as they stand in a line."""
    return base64.b64encode(data).decode("ascii")


def unpacked(text: str) -> bytes:
    """What `packed` was given."""
    return base64.b64decode(text)


def is_sent(path: str) -> bool:
    """Whether a path of the run directory is part of what goes back."""
    parts = path.split("/")
    plain = not os.path.isabs(path) and not {"", ".", ".."} & {*parts}
    half_written = parts[0] != "work" and _TEMPORARY.search(path)
    return plain and parts[0] not in NOT_SENT and not half_written
