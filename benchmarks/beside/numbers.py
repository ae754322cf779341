"""Numbers as a person reads them."""

from __future__ import annotations

_LARGER = {"ms": (1000, "s"), "µs": (1000, "ms"), "kB": (1000, "MB"), "MB": (1000, "GB")}


def shown(number: float, unit: str) -> str:
    """Three digits and the unit; ``1.95 s`` for 1950 ms."""
    step, larger = _LARGER.get(unit, (0, ""))
    if step and number >= step:
        return shown(number / step, larger)
    return f"{digits(number)} {unit}".rstrip()


def spread(low: float, high: float, unit: str) -> str:
    """``34 to 43 ms``; each with its unit where they differ."""
    first, last = shown(low, unit), shown(high, unit)
    number, _, same = first.partition(" ")
    return f"{number} to {last}" if same == last.partition(" ")[2] else f"{first} to {last}"


def digits(number: float) -> str:
    """Three digits, never with an exponent."""
    if number == 0 or number >= 100:
        return f"{number:.0f}"
    return f"{float(f'{number:.3g}'):.10f}".rstrip("0").rstrip(".")
