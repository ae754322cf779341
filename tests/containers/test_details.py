"""What engines say of their containers, read."""

from __future__ import annotations

import pytest

from runyard.containers import details


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-22T16:15:29.123456789Z", 1795364129.1234567),
        ("2026-11-22T17:15:29.5+01:00", 1795364129.5),
        ("2026-11-22T16:15:29Z", 1795364129.0),
        ("0001-01-01T00:00:00Z", None),
        ("2026-13-22T16:15:29Z", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_moments(text: str | None, seconds: float | None) -> None:
    found = details.moment(text)
    assert found == (None if seconds is None else pytest.approx(seconds, abs=1e-5))


def test_one_that_runs_again_has_not_ended() -> None:
    said = {"StartedAt": "2026-11-22T16:15:29Z", "FinishedAt": "2026-11-22T16:15:20Z"}
    assert details.state_of({**said, "Running": True}).ended is None
    assert details.state_of({**said, "Running": False}).ended == pytest.approx(1795364120.0)
