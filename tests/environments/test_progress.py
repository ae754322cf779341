"""What the log says while packages are fetched: from what uv prints, and with the real uv."""

import re
import threading
from pathlib import Path

import pytest

from runyard.environments.progress import Downloads, Step, size
from runyard.environments.uv_progress import UvProgress
from tests import file_server
from tests.environments.conftest import Plan
from tests.wheelhouse import Wheelhouse, Worker


class Clock:
    """A clock that stands still unless told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Said(list[str]):
    """What was said."""

    def say(self, line: str) -> str:
        self.append(line)
        return line


def _follow(lines: str, clock: Clock, said: Said, **given: str) -> tuple[UvProgress, list[str]]:
    progress = UvProgress(said.say, given, clock)
    kept = [progress.line(line) for line in lines.splitlines()]
    return progress, [line for line in kept if line is not None]


RESOLVED = """\
DEBUG Identified uncached distribution: setuptools==80.0
Resolved 3 packages in 12ms
DEBUG Identified uncached distribution: torch==1.0
DEBUG Registry requirement already cached: six==1.0
DEBUG Identified uncached distribution: small==1.0
Downloading torch (180.0MiB)
"""


def test_what_is_downloaded_is_said_with_sizes() -> None:
    said = Said()
    progress, kept = _follow(RESOLVED, Clock(), said)
    assert said == ["Resolved 3 packages in 12ms", "Fetching 2 packages"]
    progress.pause()
    progress.line(" Downloaded torch")
    progress.line("Prepared 2 packages in 1s")
    progress.line("Installed 3 packages in 5ms")
    assert said[2:] == [
        "Downloading 1 large package, 188.7 MB: torch (188.7 MB)",
        "Downloaded 1 of 1: torch (188.7 MB)",
        "Prepared 2 packages in 1s",
        "Installing",
        "Installed 3 packages in 5ms",
    ]
    assert kept == ["Resolved 3 packages in 12ms", "Downloading torch (180.0MiB)"]


def test_a_long_step_shows_signs_of_life() -> None:
    clock, said = Clock(), Said()
    progress, _ = _follow("", clock, said)
    for _ in range(120):
        clock.now += 1
        progress.pause()
    seconds = [int(line.split()[2]) for line in said]
    assert said[0] == "Resolving for 5 s"
    assert seconds == [5, 10, 15, 23, 35, 53, 80, 110]
    progress, _ = _follow(RESOLVED + "   Building old==1.0\n", clock, said)
    clock.now += 5.1
    progress.pause()
    assert said[-1] == (
        "Fetching for 5 s: 0 of 1 downloaded (0 B of 188.7 MB), waiting for torch (188.7 MB); "
        "building old==1.0"
    )


def test_nothing_to_fetch_is_installed() -> None:
    clock, said = Clock(), Said()
    progress, _ = _follow("Resolved 1 package in 1ms", clock, said)
    progress.pause()
    clock.now += 6
    progress.pause()
    assert said == ["Resolved 1 package in 1ms", "Installing for 6 s"]


def test_a_uv_that_does_not_tell_its_plan() -> None:
    clock, said = Clock(), Said()
    progress, _ = _follow("Building old==1.0\n", clock, said)
    clock.now += 5
    progress.pause()
    for line in ("Built old==1.0", "Resolved 1 package in 1ms", "Downloading big (odd)"):
        progress.line(line)
    clock.now += 5
    progress.pause()
    assert said == [
        "Building old==1.0",
        "Resolving for 5 s: building old==1.0",
        "Built old==1.0",
        "Resolved 1 package in 1ms",
        "Downloading 1 large package: big",
        "Fetching for 5 s: 0 of 1 downloaded, waiting for big",
    ]


def test_who_debugs_uv_sees_it_all() -> None:
    said = Said()
    progress, kept = _follow("DEBUG about uv", Clock(), said, RUST_LOG="uv=debug")
    assert progress.variables == {"RUST_LOG": "uv=debug"}
    assert said == kept == ["DEBUG about uv"]


def test_what_comes_quickly_is_said_together() -> None:
    clock, said = Clock(), Said()
    downloads = Downloads(said.say, clock=clock)
    for number in range(6):
        downloads.add(f"p{number}", 1000 * (number + 1))
    for number in range(5):
        downloads.finish(f"p{number}")
        clock.now += 0.125
    downloads.receive("p5", 500)
    assert said == [
        "Downloading 6 packages, 21.0 KB: p5 (6.0 KB), p4 (5.0 KB), p3 (4.0 KB) and 3 more",
        "Downloaded 1 of 6: p0 (1.0 KB of 21.0 KB)",
        "Downloaded 4 of 6: p1, p2, p3 (10.0 KB of 21.0 KB)",
    ]
    assert downloads.state() == ("5 of 6 downloaded (15.5 KB of 21.0 KB), waiting for p5 (6.0 KB)")


def test_sizes_that_are_not_known() -> None:
    said = Said()
    downloads = Downloads(said.say, clock=Clock())
    downloads.add("odd", None)
    downloads.finish("odd")
    assert said == ["Downloading 1 package: odd", "Downloaded 1 of 1: odd"]
    assert downloads.state() == ""
    assert [size(number, "{}") for number in (None, 0, 999, 1000, 2_500_000, 7 * 10**12)] == [
        "",
        "",
        "999 B",
        "1.0 KB",
        "2.5 MB",
        "7000.0 GB",
    ]


def test_a_step_without_details() -> None:
    clock, said = Clock(), Said()
    step = Step("Solving", said.say, clock)
    clock.now += 5
    step.tick(str)
    step.tick(str)
    assert said == ["Solving for 5 s"]


@pytest.mark.integration
def test_the_real_uv(
    plan: Plan, wheelhouse: Wheelhouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheelhouse.add("big", content=bytes(3 << 20), requires=["tiny"])
    wheelhouse.add("tiny")
    gate = threading.Event()
    with file_server.served(wheelhouse.folder, gate=gate) as address:
        monkeypatch.setenv("PIP_FIND_LINKS", address)
        worker = Worker(plan("big"), tmp_path / "run")
        worker.wait_for_log("Downloading 1 large package, ")
        assert not worker.has_result
        gate.set()
        assert worker.result()["ok"]
    log = worker.log
    assert "\nResolving 1 requirement\n" in log
    assert re.search(
        r"^Resolved 2 packages in \S+\nFetching 2 packages\n"
        r"Downloading 1 large package, 3\.1 MB: big \(3\.1 MB\)\n"
        r"Downloaded 1 of 1: big \(3\.1 MB\)\n"
        r"Prepared 2 packages in \S+\nInstalling\nInstalled 2 packages in \S+\n \+ big==1\.0\n",
        log,
        re.MULTILINE,
    ), log
    assert "DEBUG" not in log
