"""What was measured beside its budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Measure(NamedTuple):
    """``measured`` and ``budget`` in ``unit``; '' for ratios."""

    name: str
    measured: float
    budget: float
    unit: str = ""

    @property
    def ratio(self) -> float:
        """Of the budget; above 1 it is exceeded."""
        return self.measured / self.budget


def report(measures: Sequence[Measure], **details: Any) -> dict[str, Any]:
    """The result of a benchmark: its measures, whether all are within budget, and the details."""
    return {
        "measures": [measure._asdict() for measure in measures],
        "within_budget": all(measure.ratio <= 1 for measure in measures),
        **details,
    }


def table(measures: Sequence[Measure]) -> list[str]:
    """The measures as aligned lines."""
    rows = [["", "MEASURED", "BUDGET", "RATIO"], *map(_row, measures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
    marks = ["", *("  over budget" if measure.ratio > 1 else "" for measure in measures)]
    return [line + mark for line, mark in zip(lines, marks, strict=True)]


def _row(measure: Measure) -> list[str]:
    numbers = [
        f"{number:.3g} {measure.unit or '×'}" for number in (measure.measured, measure.budget)
    ]
    return [measure.name, *numbers, f"{measure.ratio:.2f}"]
