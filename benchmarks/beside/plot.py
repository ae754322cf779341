"""One scenario as SVG: a panel for each quantity, every sample a dot.

Axes are logarithmic, but where something is nothing at all they are linear, from 0. What has only
one contender, or nothing of anybody, has no panel.

The same results make the same bytes. It follows the reader's light or dark colours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from benchmarks.beside.numbers import shown

_LABELS, _WIDTH, _VALUES, _ROW, _HEAD, _AXIS = 150, 470, 90, 24, 34, 26
_FULL = _LABELS + _WIDTH + _VALUES
_STYLE = """
text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#3b4148}
.t{font-weight:600;font-size:13px;fill:#1b1f24}.a{font-size:10.5px;fill:#7a828b}
.e{text-anchor:end}.m{text-anchor:middle}.g{stroke:#e4e7ea}.b{fill:#f6f7f9}
.p{fill:#8c96a1}.w{stroke:#8c96a1}.ours .p{fill:#0b6bcb}.ours .w{stroke:#0b6bcb}
.ours text{fill:#0b6bcb;font-weight:600}.s{opacity:.28}.w{stroke-width:5;opacity:.25;
stroke-linecap:round}
@media(prefers-color-scheme:dark){text{fill:#c4cbd3}.t{fill:#f0f3f6}.a{fill:#8d96a0}.g{stroke:#31373e}
.b{fill:#1b2027}.p{fill:#98a3af}.w{stroke:#98a3af}.ours .p{fill:#58a6ff}.ours .w{stroke:#58a6ff}
.ours text{fill:#58a6ff}}
""".strip()


def plot(result: dict[str, Any]) -> str:
    """The picture of a result, as it is in the JSON."""
    measured = [one for one in result["contenders"] if "medians" in one]
    parts: list[str] = []
    height = 4
    for key, quantity in result["quantities"].items():
        rows = [one for one in measured if key in one["medians"]]
        if len(rows) > 1 and any(max(one["samples"][key]) > 0 for one in rows):
            parts.append(f'<g transform="translate(0 {height})">')
            parts += [*_panel(key, quantity, rows), "</g>"]
            height += _HEAD + len(rows) * _ROW + _AXIS
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_FULL}" height="{height}" '
        f'viewBox="0 0 {_FULL} {height}" role="img">'
    )
    lines = [head, f"<title>{escape(result['title'])}</title>", f"<style>{_STYLE}</style>"]
    return "\n".join([*lines, *parts, "</svg>"]) + "\n"


def _panel(key: str, quantity: dict[str, str], rows: list[dict[str, Any]]) -> Iterator[str]:
    """A title, the grid, and a row for each contender."""
    every = [number for one in rows for number in one["samples"][key]]
    axis = _axis(min(every), max(every))
    bottom = _HEAD + len(rows) * _ROW
    yield f'<text class="t" x="{_LABELS}" y="18">{escape(quantity["title"])}</text>'
    for tick in axis.ticks():
        x = axis.at(tick)
        yield f'<path class="g" d="M{x} {_HEAD - 6}V{bottom}"/>'
        label = escape(shown(tick, quantity["unit"]))
        yield f'<text class="a m" x="{x}" y="{bottom + 14}">{label}</text>'
    for number, one in enumerate(rows):
        yield from _row(one, key, quantity["unit"], axis, _HEAD + number * _ROW)


def _row(one: dict[str, Any], key: str, unit: str, axis: Axis, y: int) -> Iterator[str]:
    xs = sorted(axis.at(number) for number in one["samples"][key])
    median, middle = one["medians"][key], y + _ROW // 2
    yield f'<g class="{"ours" if one["name"].startswith("runyard") else "peer"}">'
    yield f'<text class="e" x="{_LABELS - 12}" y="{middle + 4}">{escape(one["name"])}</text>'
    yield f'<path class="w" d="M{xs[0]} {middle}H{xs[-1]}"/>'
    yield from (f'<circle class="p s" cx="{x}" cy="{middle}" r="2.5"/>' for x in xs)
    yield f'<circle class="p" cx="{axis.at(median)}" cy="{middle}" r="5"/>'
    x = _LABELS + _WIDTH + 14
    yield f'<text x="{x}" y="{middle + 4}">{escape(shown(median, unit))}</text></g>'


class Axis(NamedTuple):
    """From ``low`` to ``high``; linear if ``low`` is 0."""

    low: float
    high: float

    def at(self, number: float) -> float:
        """The place of a number."""
        if self.low == 0:
            part = number / self.high
        else:
            part = math.log(number / self.low) / math.log(self.high / self.low)
        return round(_LABELS + part * _WIDTH, 1)

    def ticks(self) -> list[float]:
        """Quarters; of a log axis 1, 2 and 5 of each decade, or 1 where those are crowded."""
        if self.low == 0:
            return [self.high * quarter / 4 for quarter in range(5)]
        digits = (1, 2, 5) if self.high / self.low < 300 else (1,)
        ticks = [step for step in _STEPS if f"{step:.0e}"[0] in map(str, digits)]
        return [tick for tick in ticks if self.low <= tick <= self.high]


_STEPS = [float(f"{digit}e{power}") for power in range(-6, 10) for digit in (1, 2, 5)]


def _axis(low: float, high: float) -> Axis:
    """Its ends are 1, 2 or 5 of a decade."""
    above = next((step for step in _STEPS if step >= high), high)
    if low == 0:
        return Axis(0, above)
    below = max((step for step in _STEPS if step <= low), default=low)
    return Axis(below, above if above > below else below * 10)
