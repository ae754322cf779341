"""The same run cancelled, completed and at its time limit, all in one moment."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

from runyard.history.run import Run
from runyard.record import events, jsonl
from runyard.record.layout import WorkspaceDirectory
from runyard.record.states import Reason
from runyard.testing import runs
from tests.faults import laws, submitting

RUNS, MOMENT_S, ROUNDS = 12, 0.6, 5
SCRIPT = f"""
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print(time.monotonic(), flush=True)
time.sleep({MOMENT_S})
"""
MEANING = {
    Reason.COMPLETED: "Completed",
    Reason.CANCELLED: "Canceled",
    Reason.TIME_LIMIT: "Failed",
    Reason.SCRIPT_EXIT_CODE: "Failed",
}


def disturb(run: Run, offset_s: float) -> None:
    """Cancel it, and say that it is complete, about when it ends and its limit is reached."""
    there = run.directory
    runs.wait_for(lambda: runs.log_of(there) or events.read_state(there).status.ended, 60)
    begun = float(runs.log_of(there) or 0)  # its limit may have come before its first line
    # At a set moment, about when the script ends by itself.
    time.sleep(max(0.0, begun + MOMENT_S + offset_s - time.monotonic()))
    events.request(run.directory, "cancel")
    run.complete()
    run.cancel()


def test_each_run_has_one_end_and_it_is_one_of_those_that_came(tmp_path: Path) -> None:
    place = submitting.workspace(tmp_path / "ws")
    source = submitting.source(tmp_path / "source", SCRIPT)
    said: list[str] = []
    ends: Counter[Reason] = Counter()
    for number in range(ROUNDS):
        # From 120 ms before to 100 ms after; further, where one thing came first in all runs.
        some = disturbed(place, source, 0.24 * (number + 1))
        laws.settle(place)
        said += [run.id for run in some]
        ends.update(map(end_of, some))
        if len(ends) > 1:
            break
    laws.hold(place, said)
    assert len(ends) > 1, f"nothing came at once: {ends}"


def disturbed(place: WorkspaceDirectory, source: Path, within_s: float) -> list[Run]:
    """Runs that were, each at another moment of so many seconds around its end."""
    some, threads = [], []
    for number in range(RUNS):
        run = submitting.submit(place, source, max_run_duration_seconds=MOMENT_S)
        offset_s = (number - RUNS / 2) / RUNS * within_s
        threads.append(threading.Thread(target=disturb, args=(run, offset_s)))
        threads[-1].start()
        some.append(run)
    for thread in threads:
        thread.join()
    return some


def end_of(run: Run) -> Reason:
    state = events.read_state(run.directory)
    assert state.reason in MEANING
    assert run.get_status() == state.status.value == MEANING[state.reason]
    assert state.reason is not Reason.SCRIPT_EXIT_CODE or state.detail["exit_code"] == 7
    assert sum("reason" in event for event in jsonl.read(run.directory.events)) == 1
    return state.reason


def test_requests_after_the_end_change_nothing(tmp_path: Path) -> None:
    place = submitting.workspace(tmp_path / "ws")
    run = submitting.submit(place, submitting.source(tmp_path / "source", ""))
    run.wait_for_completion()
    laws.settle(place)
    before = Path(run.directory.events).read_bytes()
    run.cancel()
    run.complete()
    run.fail("too late")
    events.request(run.directory, "cancel")
    laws.settle(place)
    laws.hold(place, [run.id])
    assert Path(run.directory.events).read_bytes() == before
    assert run.get_status() == "Completed"
