"""JSON files that several processes change: one after the other, and readers see whole files."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Mapping
from typing import Any

from runyard.record import jsonl


def change(path: str, edit: Callable[[dict[str, Any]], Mapping[str, Any]]) -> dict[str, Any]:
    """Set the keys that ``edit`` returns for the present content ({} while there is no file).

    The folder must exist; its lock is held meanwhile. Returns the new content; nothing is
    written when ``edit`` raises.
    """
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        content = read(path)
        content.update(edit(content))
        jsonl.write_once(path, content)
        return content
    finally:
        os.close(folder)


def read(path: str) -> dict[str, Any]:
    """The content; {} while there is no file. Raises ValueError naming a damaged file."""
    try:
        return jsonl.read_json(path)
    except FileNotFoundError:
        return {}
