"""How a run ends whose data could not be brought, when the process that tried says nothing."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.record.states import Reason
from runyard.runner import data
from runyard.runner.supervision import Outcome


@pytest.mark.parametrize(
    ("code", "told", "why"),
    [
        (-9, {}, "its process was killed"),
        (1, {"places": []}, "its process was killed"),
        (1, {}, "and why could not be written to the run's folder, whose disk may be full"),
    ],
)
def test_a_process_that_says_nothing_is_told_by_its_exit_code(
    code: int, told: dict[str, Any], why: str
) -> None:
    outcome = Outcome()
    outcome.code = code
    end = data._failed(outcome, told, "staged")
    assert end is not None
    assert end.reason is Reason.DATA_FAILED
    assert end.error == {
        "type": "killed",
        "message": f"the data of the run could not be staged: {why}",
    }
