from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from runyard.computes import processes
from runyard.runner.gang import Ends
from runyard.testing import runs


@pytest.mark.parametrize("pidfds", [9, 2, 0])
def test_each_end_is_waited_for(pidfds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on Linux before 5.3, as on RHEL 8, and where fewer files may be open."""
    real, left = os.pidfd_open, [pidfds]

    def opened(pid: int) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError("no more")
        return real(pid)

    monkeypatch.setattr(os, "pidfd_open", opened)
    started = [subprocess.Popen(["sleep", seconds]) for seconds in ("0.2", "0.6", "0.2", "60")]
    try:
        ends = Ends(started)
        assert not ends.wait(1)
        seen: list[int] = []
        while len(seen) < 3 and ends.wait(5000):
            seen = [number for number, process in enumerate(started) if process.poll() is not None]
        assert seen == [0, 1, 2]
        begun = time.monotonic()
        assert not ends.wait(200)
        assert 0.15 < time.monotonic() - begun < 2
    finally:
        for process in started:
            process.kill()
            process.wait()


HALF_STARTED = """
import os, sys
from runyard.computes.local_channel import LocalChannel
from runyard.record import jsonl
from runyard.record.layout import RunDirectory
from runyard.runner import distributed, subreaper

class Full(LocalChannel):
    left = 2
    def start(self, *arguments, **words):
        if not self.left:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        self.left -= 1
        return super().start(*arguments, **words)

run = RunDirectory(sys.argv[1])
os.mkdir(run.work)
subreaper.become()
record = jsonl.read_json(run.run_json)
prefix = {"python": sys.executable, "prefix": sys.prefix, "submitter_python": sys.executable}
distributed.start(run, record, prefix, Full(record["spec"], run))
"""


def test_what_was_started_is_ended_when_the_rest_cannot_be(tmp_path: Path) -> None:
    distribution = {"process_count": 3, "backend": "gloo"}
    given: dict[str, Any] = {"launcher": "pytorch", "processes_per_node": 3}
    directory = runs.workspace(tmp_path)
    run = runs.make_run(directory, command=["sleep", "60"], distribution=distribution, **given)
    argv = [sys.executable, "-c", HALF_STARTED, run.path]
    done = subprocess.run(argv, stderr=subprocess.PIPE, text=True)
    assert done.stderr.splitlines()[-1] == (
        "BlockingIOError: [Errno 11] Resource temporarily unavailable"
    )
    assert not processes.of_run(run.path)
