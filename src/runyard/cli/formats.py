"""Times, spans and sizes as people read them."""

from __future__ import annotations

import time

_STEPS = (("s", 60.0), ("min", 60.0), ("h", 24.0), ("d", 365.0))


def age(seconds: float) -> str:
    """A span since something happened: ``12 s ago``, ``3 h ago``; ``now`` below a second."""
    if seconds < 1:
        return "now"
    left = seconds
    for unit, per_next in _STEPS:
        if left < per_next:
            return f"{int(left)} {unit} ago"
        left /= per_next
    return f"{int(left)} y ago"


def duration(seconds: float) -> str:
    """A span: ``0.42 s``, ``12.3 s``, ``4 min 05 s``, ``3 h 07 min``, ``2 d 04 h``."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours:02d} h"


def size(n_bytes: float) -> str:
    """``812 bytes``, ``4.1 KB``, ``1.2 GB``; a KB is 1,000 bytes, as disks are sold."""
    if n_bytes < 1000:
        return count(int(n_bytes), "byte")
    for unit in ("KB", "MB", "GB"):
        n_bytes /= 1000
        if n_bytes < 999.95:
            return f"{n_bytes:.1f} {unit}"
    return f"{n_bytes / 1000:.1f} TB"


def moment(seconds: float) -> str:
    """A point in time in the zone of this machine: ``2026-01-31 23:59:59``."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 file``, ``1,203 files``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def number(value: object) -> str:
    """A value of a metric: whole numbers as they are, others with six significant digits."""
    if not isinstance(value, float):
        return str(value)
    whole = value.is_integer() and abs(value) < 1e15
    return str(int(value)) if whole else f"{value:.6g}"
