"""A series of numbers for a chart: however long, a few hundred points with the same outline."""

from __future__ import annotations

MAX_POINTS = 600
"""At most this many points of one series are kept and shown."""

Point = tuple[float, float]


class Series:
    """Points in the order they were logged; neighbours become their lowest and highest.

    Adding costs the same however many there are, and so does showing.
    """

    def __init__(self) -> None:
        self.count = 0
        self.last: float | None = None
        self._points: list[Point] = []
        self._bucket: list[Point] = []
        self._stride = 1

    def add(self, x: float, y: float) -> None:
        """Append a point; one that is not finite counts, and is not drawn."""
        self.count += 1
        self.last = y
        if x - x != 0.0 or y - y != 0.0:
            return
        bucket = self._bucket
        bucket.append((x, y))
        if len(bucket) >= 2 * self._stride:
            self._points += _extremes(bucket)
            self._bucket = []
            if len(self._points) > MAX_POINTS:
                self._halve()

    def _halve(self) -> None:
        self._stride *= 2
        points = self._points
        groups = (points[start : start + 4] for start in range(0, len(points), 4))
        self._points = [point for group in groups for point in _extremes(group)]

    def points(self) -> list[list[float]]:
        """``[[x, y], …]``."""
        return [[x, y] for x, y in (*self._points, *_extremes(self._bucket))]


def _extremes(points: list[Point]) -> list[Point]:
    """The lowest and the highest, in their order; of less than three, all."""
    if len(points) < 3:
        return points
    low, high = min(points, key=_y), max(points, key=_y)
    first, second = sorted((points.index(low), points.index(high)))
    return [points[first]] if first == second else [points[first], points[second]]


def _y(point: Point) -> float:
    return point[1]
