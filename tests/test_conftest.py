"""What the tests are started with reaches them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import KEPT

READ = re.compile(
    r"""^[A-Z_]+ = (?:.*environ(?:\.get\(|\[))?"(RUNYARD_\w+)" *(?:\)|\]|,|in os)""", re.M
)


def test_a_variable_that_asks_for_more_is_not_taken_away() -> None:
    """Those that a module reads as it is imported, which is after conftest.py has tidied up."""
    read = {
        name
        for path in Path(__file__).parent.glob("**/*.py")
        for name in READ.findall(path.read_text())
    }
    assert {"RUNYARD_KILLS", "RUNYARD_TEST_FULL_DISKS", "RUNYARD_GC_STORM"} <= read
    assert [name for name in sorted(read) if not name.startswith(KEPT)] == []
