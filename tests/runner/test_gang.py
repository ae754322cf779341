from __future__ import annotations

import os
import subprocess
import time

import pytest

from runyard.runner.gang import Ends


def _without_pidfds(pid: int) -> int:
    raise OSError("as on RHEL 8")


@pytest.mark.parametrize("with_pidfds", [True, False])
def test_each_end_is_waited_for(with_pidfds: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not with_pidfds:
        monkeypatch.setattr(os, "pidfd_open", _without_pidfds)
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
