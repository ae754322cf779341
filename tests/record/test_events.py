import json
import os
from pathlib import Path

import pytest

from runyard.record import events, owner
from runyard.record.creation import create_run
from runyard.record.events import EventLog
from runyard.record.layout import RunDirectory, WorkspaceDirectory
from runyard.record.notes import NoteWriter, read_notes
from runyard.record.states import Reason, Status
from tests.requirements import small_disk

PAGE = 4096


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return create_run(WorkspaceDirectory(str(tmp_path)), "exp", {})


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        '{"status": "Dancing", "t": 1}',
        '{"status": "Failed", "reason": "boredom", "t": 1}',
        '{"status": "Running", "t": "noon"}',
        '{"status": ["Running"], "t": 1}',
        "\x00\x00",
    ],
)
def test_a_damaged_event_hides_no_other(run: RunDirectory, line: str) -> None:
    log = EventLog(run, now=lambda: 5.0)
    log.status(Status.RUNNING)
    with open(run.events, "a") as stream:
        stream.write(line + "\n")
    log.end(Reason.COMPLETED)
    problems: list[str] = []
    state = events.read_state(run, problems)
    assert (state.reason, state.started, state.ended) == (Reason.COMPLETED, 5.0, 5.0)
    (problem,) = problems
    assert problem.startswith(run.events)


def test_what_had_no_room_is_written_before_what_follows(tmp_path: Path) -> None:
    """Each with the time at which it happened, and an end only as it was said last."""
    moments = iter([1.0, 2.0, 3.0, 4.0])
    with small_disk(tmp_path / "disk", "1m") as folder:
        run = create_run(WorkspaceDirectory(str(folder)), "exp", {})
        first = json.dumps({"t": 0.0, "status": "NotStarted"})
        Path(run.events).write_text(first.ljust(PAGE - 1) + "\n")
        filler = folder / "filler"
        filler.write_bytes(bytes(os.statvfs(folder).f_bavail * PAGE))
        log = EventLog(run, now=lambda: next(moments))
        for status in (Status.PREPARING, Status.RUNNING):
            with pytest.raises(OSError, match="No space left"):
                log.status(status)
        with pytest.raises(OSError, match="No space left"):
            log.end(Reason.COMPLETED, message="in many words")
        assert events.read_state(run).status is Status.NOT_STARTED
        filler.unlink()
        log.end(Reason.COMPLETED, message="in few")
        found = [(e["t"], e["status"]) for e in events.read_state(run).events]
        assert found == [(0, "NotStarted"), (1, "Preparing"), (2, "Running"), (4, "Completed")]
        assert events.read_state(run).detail == {"message": "in few"}


def test_the_last_tag_wins_also_when_the_clock_runs_back(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = NoteWriter(run)
    for moment, value in ((1000.0, "first"), (400.0, "last")):
        monkeypatch.setattr("time.time", lambda moment=moment: moment)
        writer.tag("stage", value)
    assert read_notes(run, {}).tags == {"stage": "last"}


def test_a_lock_that_may_only_be_read_can_be_looked_at(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on the run of a colleague."""
    real_open = os.open

    def open_for_reading(path: str, flags: int, *mode: int) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY):
            raise PermissionError(path)
        return real_open(path, flags, *mode)

    ownership = owner.take(run.lock)
    assert ownership is not None
    monkeypatch.setattr("os.open", open_for_reading)
    assert owner.is_held(run.lock)
    ownership.release()
    assert not owner.is_held(run.lock)
