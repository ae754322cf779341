"""Following the log of a run: how late its lines are, and how long 100 MB take."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.beside.contender import Contender, Place, Ready, Sample, tool
from benchmarks.beside.driver import variables
from benchmarks.beside.ray_cluster import ray_cluster
from benchmarks.beside.scenario import Quantity, Scenario
from runyard import Environment, Experiment, ScriptRunConfig, Workspace

_ROOT = Path(__file__).parents[3]
_TALKER = Path(__file__).parents[1] / "drivers" / "talker.py"
_LINES, _MEGABYTES = 60, 100
_QUICK_LINES, _QUICK_MEGABYTES = 10, 5
_LIMIT_S = 120
_FILLING = b"x" * 99
_STAMP = re.compile(rb"^(at|many) ([0-9.]+)\r?\n", re.MULTILINE)


@dataclass
class _Heard:
    """What came out of a follower, and when."""

    late_s: list[float] = field(default_factory=list)
    many_at: float = 0.0
    ended_at: float = 0.0
    filling: int = 0
    _rest: bytes = b""

    def add(self, chunk: bytes) -> None:
        """Bytes that have arrived in this moment."""
        now = time.monotonic()
        text = self._rest + chunk
        whole, newline, self._rest = text.rpartition(b"\n")
        whole += newline
        self.filling += whole.count(_FILLING)
        for word, at in _STAMP.findall(whole):
            if word == b"at":
                self.late_s.append(now - float(at))
            else:
                self.many_at = float(at)
        if b"end\n" in whole or b"end\r\n" in whole:
            self.ended_at = now


@dataclass(frozen=True)
class _Talk:
    """What the script is asked to say."""

    lines: int
    megabytes: int
    go: Path

    def arguments(self) -> list[str]:
        return [str(self.lines), str(self.megabytes), str(self.go)]

    def followed(self, argv: Sequence[str], place: Place, **more: str) -> Sample:
        """What the follower of a script that has been started was told, and when."""
        with subprocess.Popen(
            argv, cwd=place.folder, env=variables(**more), stdout=subprocess.PIPE
        ) as follower:
            try:
                assert follower.stdout
                heard = self._listen(follower.stdout.fileno())
            finally:
                follower.terminate()
        self.go.unlink()
        return {
            "line": statistics.median(heard.late_s) * 1e3,
            "latest": max(heard.late_s) * 1e3,
            "many": (heard.ended_at - heard.many_at) * 1e3,
        }

    def _listen(self, stream: int) -> _Heard:
        heard, begun = _Heard(), time.monotonic()
        greeting = b""
        while not heard.ended_at:
            chunk = os.read(stream, 1 << 20)
            if not chunk or time.monotonic() - begun > _LIMIT_S:
                raise RuntimeError(
                    f"ended early: {heard.filling} filling, {len(heard.late_s)} lines"
                )
            heard.add(chunk)
            greeting = (greeting + chunk)[:2000] if not self.go.exists() else greeting
            if not self.go.exists() and b"hello" in greeting:
                self.go.touch()  # the follower is there
        assert len(heard.late_s) == self.lines, heard.late_s
        assert heard.filling == self.megabytes * 10_000, heard.filling
        return heard


def _talk(place: Place) -> _Talk:
    go = place.folder / "go"
    if place.quick:
        return _Talk(_QUICK_LINES, _QUICK_MEGABYTES, go)
    return _Talk(_LINES, _MEGABYTES, go)


def _runyard(*follow: str) -> Ready:
    """``follow``: the command that is given the id of the run, beside our interpreter."""

    @contextmanager
    def ready(place: Place) -> Iterator[Callable[[], Sample]]:
        talk, source = _talk(place), place.folder / "source"
        source.mkdir()
        shutil.copy(_TALKER, source)
        experiment = Experiment(Workspace.create("bench", path=str(place.folder)), "bench")
        environment = Environment("current")
        environment.python.user_managed_dependencies = True

        def sample() -> Sample:
            config = ScriptRunConfig(
                str(source), "talker.py", talk.arguments(), environment=environment
            )
            run = experiment.submit(config)
            argv = [place.program(follow[0]), *follow[1:], run.id]
            found = talk.followed(argv, place, PYTHONPATH=str(_ROOT))
            run.wait_for_completion(raise_on_error=True)
            return found

        yield sample

    return ready


@contextmanager
def _tail(place: Place) -> Iterator[Callable[[], Sample]]:
    talk, log = _talk(place), place.folder / "log"

    def sample() -> Sample:
        with open(log, "w") as stream:
            argv = [sys.executable, str(_TALKER), *talk.arguments()]
            script = subprocess.Popen(argv, stdout=stream, env=variables())
        try:
            return talk.followed(["tail", "-n", "+1", "-f", str(log)], place)
        finally:
            script.kill()
            script.wait()

    yield sample


@contextmanager
def _ray(place: Place) -> Iterator[Callable[[], Sample]]:
    talk, ray = _talk(place), place.program("ray")
    with ray_cluster(place) as found:

        def sample() -> Sample:
            entry = ["python", str(_TALKER), *talk.arguments()]
            submit = [ray, "job", "submit", "--no-wait", "--log-style=record", "--", *entry]
            done = subprocess.run(
                submit, env=variables(**found), capture_output=True, text=True, check=True
            )
            job = re.search(r"raysubmit_\w+", done.stdout)
            assert job, done.stdout
            argv = [ray, "job", "logs", "--follow", "--log-style=record", job[0]]
            return talk.followed(argv, place, **found)

        yield sample


_LOGS = (
    "`runyard logs -f`: the log is a file that the script itself writes; the kernel tells whoever "
    "follows it of each change, and on disks of other machines it is looked at every 5 to 200 ms. "
    "Sees the end of the run."
)
_SHOW = "`run.wait_for_completion(show_output=True)`: in the same way."
_TAIL = (
    "`tail -f` of a file that a bare script writes; the kernel tells it of each change. Does not "
    "know that the script has ended."
)
_RAY_LOGS = "`ray job logs --follow`: over HTTP, from an agent that looks at the log file."

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="streaming",
        title="Following a log",
        what=(
            f"A script prints {_LINES} lines, one each 20 to 80 ms, and then {_MEGABYTES} MB as "
            "fast as it can. Somebody follows its log and writes it to a pipe. Measured are how "
            "late a line is there (the median of a run's lines, and the latest of them), and how "
            f"long the {_MEGABYTES} MB take from the first to the last byte in the pipe."
        ),
        quantities=(
            Quantity("line", "a line is late by", "ms"),
            Quantity("latest", "the latest line", "ms"),
            Quantity("many", f"{_MEGABYTES} MB", "ms"),
        ),
        contenders=(
            Contender("runyard logs -f", _LOGS, _runyard("runyard", "logs", "-f")),
            Contender(
                "runyard, show_output",
                _SHOW,
                _runyard("python", "-m", "benchmarks.beside.drivers.runyard_watch"),
            ),
            Contender("tail -f", _TAIL, _tail, version=tool("tail", "--version")),
            Contender("ray job logs", _RAY_LOGS, _ray, "ray", quick=False, rounds=3, apart=True),
        ),
        rounds=5,
        warm_up=1,
    ),
)
