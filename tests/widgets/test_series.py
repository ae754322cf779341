import math
import random

from runyard.widgets.series import MAX_POINTS, Series


def test_few_points_are_shown_as_they_are() -> None:
    series = Series()
    for x in range(MAX_POINTS):
        series.add(x, x * x)
    assert series.points() == [[x, x * x] for x in range(MAX_POINTS)]
    assert (series.count, series.last) == (MAX_POINTS, float((MAX_POINTS - 1) ** 2))


def test_of_many_the_outline_stays() -> None:
    numbers = random.Random(1)
    series = Series()
    values = [numbers.gauss(0, 1) for _ in range(100_000)]
    values[54_321], values[12_345] = 99.0, -99.0
    for x, y in enumerate(values):
        series.add(x, y)
    points = series.points()
    assert MAX_POINTS / 3 < len(points) <= MAX_POINTS + 4
    assert [54_321, 99.0] in points
    assert [12_345, -99.0] in points
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert points[-1][0] > 99_000
    assert series.count == 100_000


def test_what_is_not_finite_counts_and_is_not_drawn() -> None:
    series = Series()
    for y in (1.0, math.nan, math.inf, 2.0):
        series.add(series.count, y)
    assert series.points() == [[0, 1.0], [3, 2.0]]
    assert series.count == 4
