"""A curve as SVG: both axes logarithmic, a line for each thing that was measured.

The same results make the same bytes. It follows the reader's light or dark colours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from benchmarks.beside.numbers import shown

_LEFT, _TOP, _WIDTH, _HEIGHT, _RIGHT, _BOTTOM = 70, 34, 480, 250, 170, 46
_COLOURS = ("#0b6bcb", "#d9730d", "#2e8b57", "#9b51b0", "#8c96a1")
_BETWEEN_LABELS = 15
_STYLE = """
text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#3b4148}
.t{font-weight:600;font-size:13px;fill:#1b1f24}.a{font-size:10.5px;fill:#7a828b}
.e{text-anchor:end}.m{text-anchor:middle}.g{stroke:#e4e7ea}.l{fill:none;stroke-width:2}
@media(prefers-color-scheme:dark){text{fill:#c4cbd3}.t{fill:#f0f3f6}.a{fill:#8d96a0}.g{stroke:#31373e}}
""".strip()


def plot(result: dict[str, Any]) -> str:
    """The picture of a curve, as it is in the JSON."""
    width, height = _LEFT + _WIDTH + _RIGHT, _TOP + _HEIGHT + _BOTTOM
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">'
    )
    title = escape(result["title"])
    lines = [head, f"<title>{title}</title>", f"<style>{_STYLE}</style>"]
    lines.append(f'<text class="t" x="{_LEFT}" y="18">{title}</text>')
    return "\n".join([*lines, *_chart(result), "</svg>"]) + "\n"


def _chart(result: dict[str, Any]) -> Iterator[str]:
    lines = {
        name: [(int(size), seconds) for size, seconds in line.items()]
        for name, line in result["lines"].items()
    }
    points = [point for line in lines.values() for point in line]
    xs, ys = _ends(size for size, _ in points), _ends(seconds for _, seconds in points)
    for tick in _ticks(*ys):
        y = _y(tick, ys)
        yield f'<path class="g" d="M{_LEFT} {y}H{_LEFT + _WIDTH}"/>'
        yield f'<text class="a e" x="{_LEFT - 8}" y="{y + 4}">{shown(tick * 1e6, "µs")}</text>'
    for tick in _ticks(*xs):
        x = _x(tick, xs)
        yield f'<path class="g" d="M{x} {_TOP}V{_TOP + _HEIGHT}"/>'
        yield f'<text class="a m" x="{x}" y="{_TOP + _HEIGHT + 16}">{tick:,.0f}</text>'
    middle, below = _LEFT + _WIDTH / 2, _TOP + _HEIGHT + 36
    yield f'<text class="a m" x="{middle}" y="{below}">{escape(result["unit"])}</text>'
    labels = _apart({name: _y(line[-1][1], ys) for name, line in lines.items()})
    for (name, line), colour in zip(lines.items(), _COLOURS, strict=False):
        way = "L".join(f"{_x(size, xs)} {_y(seconds, ys)}" for size, seconds in line)
        yield f'<path class="l" stroke="{colour}" d="M{way}"/>'
        for size, seconds in line:
            yield f'<circle fill="{colour}" cx="{_x(size, xs)}" cy="{_y(seconds, ys)}" r="3"/>'
        last = f"{name}, {shown(line[-1][1] * 1e6, 'µs')}"
        x, y = _x(line[-1][0], xs) + 10, labels[name] + 4
        yield f'<text style="fill:{colour}" x="{x}" y="{y}">{escape(last)}</text>'


def _ends(numbers: Iterator[float]) -> tuple[int, int]:
    """Whole decades around the numbers."""
    every = [math.log10(number) for number in numbers]
    low, high = math.floor(min(every) + 1e-9), math.ceil(max(every) - 1e-9)
    return low, max(high, low + 1)


def _ticks(low: int, high: int) -> list[float]:
    return [10.0**power for power in range(low, high + 1)]


def _x(size: float, ends: tuple[int, int]) -> float:
    part = (math.log10(size) - ends[0]) / (ends[1] - ends[0])
    return round(_LEFT + part * _WIDTH, 1)


def _y(seconds: float, ends: tuple[int, int]) -> float:
    part = (math.log10(seconds) - ends[0]) / (ends[1] - ends[0])
    return round(_TOP + (1 - part) * _HEIGHT, 1)


def _apart(heights: dict[str, float]) -> dict[str, float]:
    """Labels below each other, where lines end close to each other."""
    placed: dict[str, float] = {}
    lowest = -math.inf
    for name, height in sorted(heights.items(), key=lambda item: item[1]):
        lowest = max(height, lowest + _BETWEEN_LABELS)
        placed[name] = round(lowest, 1)
    return placed
