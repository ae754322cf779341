"""The curves; ``make bench-quick`` measures all of them, small."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.curves import __main__ as program
from benchmarks.curves.measured import CURVES
from benchmarks.curves.plot import plot

DOCS = Path(__file__).parents[1] / "docs"
RESULT = {
    "title": "Lists & more",
    "unit": "runs",
    "why": "Because.",
    "lines": {"all": {"10": 0.001, "1000": 0.1}, "newest": {"10": 0.001, "1000": 0.09}},
}


def test_a_picture_has_a_line_for_each_and_labels_that_do_not_overlap() -> None:
    root = ElementTree.fromstring(plot(RESULT))
    paths = [one for one in root.findall(".//{*}path") if one.get("class") == "l"]
    assert len(paths) == 2
    texts = {one.text: float(one.get("y", "0")) for one in root.findall(".//{*}text")}
    assert {"Lists & more", "runs", "10", "100", "1,000", "1 ms", "100 ms"} <= texts.keys()
    assert abs(texts["all, 100 ms"] - texts["newest, 90 ms"]) >= 15


def test_each_decade_is_as_wide_as_the_next() -> None:
    root = ElementTree.fromstring(plot(RESULT))
    x = {one.text: float(one.get("x", "0")) for one in root.findall(".//{*}text") if one.get("x")}
    assert x["100"] - x["10"] == pytest.approx(x["1,000"] - x["100"])


def test_a_curve_is_measured_and_written(tmp_path: Path) -> None:
    assert program.main(["--quick", "--into", str(tmp_path), "points"]) == 0
    found = json.loads((tmp_path / "curves.json").read_text())
    assert [*found["points"]["lines"]["written"]] == ["10", "100", "1000"]
    text = (tmp_path / "performance.md").read_text()
    assert "![Values of a metric](curves/points.svg)" in text
    assert (tmp_path / "curves" / "points.svg").exists()


def test_a_curve_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.main(["speed"])
    said = capsys.readouterr().err
    assert "no curve speed; there are: runs, files, points, ranks, log" in said


def test_the_page_is_what_its_numbers_make(tmp_path: Path) -> None:
    for name in ("curves.json", "performance.md"):
        (tmp_path / name).write_text((DOCS / name).read_text())
    assert program.main(["--page", "--into", str(tmp_path)]) == 0
    assert (tmp_path / "performance.md").read_text() == (DOCS / "performance.md").read_text()
    for curve in CURVES:
        picture = f"curves/{curve.name}.svg"
        assert (tmp_path / picture).read_text() == (DOCS / picture).read_text()
