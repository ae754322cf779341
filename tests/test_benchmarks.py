from benchmarks.measure import Measure, report, table


def test_what_is_over_budget_is_marked() -> None:
    assert table([Measure("fast", 8.0, 10.0, "ms"), Measure("slow one", 2.5, 2.0)]) == [
        "          MEASURED  BUDGET  RATIO",
        "fast          8 ms   10 ms   0.80",
        "slow one     2.5 ×     2 ×   1.25  over budget",
    ]


def test_a_report_is_within_budget_when_every_measure_is() -> None:
    good, bad = Measure("a", 1.0, 1.0), Measure("b", 1.1, 1.0)
    assert report([good], calls=3) == {
        "measures": [{"name": "a", "measured": 1.0, "budget": 1.0, "unit": ""}],
        "within_budget": True,
        "calls": 3,
    }
    assert report([good, bad])["within_budget"] is False
