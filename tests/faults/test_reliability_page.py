"""The page of faults names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text()


def test_every_test_that_the_page_names_is_there() -> None:
    rows = re.findall(r"`([\w/]+\.py)`: ((?:`test_\w+`(?:, )?)+)", PAGE)
    assert len(rows) > 25
    for path, names in rows:
        text = (ROOT / "tests" / path).read_text()
        for name in re.findall(r"\w+", names):
            assert f"def {name}(" in text, f"{path} has no {name}"
    named = {name for _, names in rows for name in re.findall(r"test_\w+", names)}
    assert set(re.findall(r"`(test_\w+)`", PAGE)) <= named, "a test without its file"


def test_every_row_of_a_table_names_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    without = [row for row in rows if "`test_" not in row and not row.endswith("| test |")]
    assert without == []
