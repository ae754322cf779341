"""The built environments as a table, one in full, or JSON."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from runyard.cli import formats, output, table
from runyard.cli.summary import time_text
from runyard.cli.table import Column
from runyard.environments import inventory
from runyard.environments.inventory import Cached

_KEY_DIGITS = 12
_COLUMNS = (
    Column("key"),
    Column("name", shrink=True),
    Column("python", drop=3),
    Column("packages", right=True, drop=2),
    Column("size", right=True),
    Column("last used"),
    Column("built", drop=1),
)


def show_all(as_json: bool) -> None:
    """Print all of them, last used first."""
    found = inventory.every()
    if as_json:
        output.to_json([plain(item) for item in found])
    elif not found:
        output.notice(f"no environment is built yet in {inventory.folder()}")
    else:
        now = time.time()
        table.show(_COLUMNS, [_row(item, now) for item in found])
        total = sum(item.size_bytes for item in found)
        output.notice(f"{formats.count(len(found), 'environment')}, {formats.size(total)}")


def show_one(text: str, as_json: bool) -> None:
    """Print one. Raises UserErrorException when there is none of that key or name."""
    item = inventory.find(text)
    if as_json:
        output.to_json(plain(item))
        return
    for title, value in (
        ("name", item.name),
        ("key", item.key),
        ("python", item.python_version),
        ("folder", item.prefix),
        ("size", formats.size(item.size_bytes)),
        ("built", formats.moment(item.built or 0.0)),
        ("last used", formats.moment(item.last_used)),
        ("asked for", ", ".join(item.requirements) or "nothing"),
    ):
        output.text(f"{title + ':':<11}{output.one_line(value)}")
    output.text(f"{formats.count(len(item.lock), 'package')}:")
    for line in item.lock:
        output.text(f"  {line}")


def plain(item: Cached) -> dict[str, Any]:
    """An environment for JSON."""
    built = None if item.built is None else time_text(item.built)
    return {**dataclasses.asdict(item), "built": built, "last_used": time_text(item.last_used)}


def short(key: str) -> str:
    """The beginning of a key, long enough to name it."""
    return key[:_KEY_DIGITS]


def _row(item: Cached, now: float) -> list[str]:
    return [
        short(item.key),
        item.name if item.finished else "(unfinished)",
        item.python_version,
        str(len(item.lock)) if item.finished else "",
        formats.size(item.size_bytes),
        formats.age(now - item.last_used),
        "" if item.built is None else formats.age(now - item.built),
    ]
