"""A copy of a source that can be had back: the first, and one when nothing has changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.beside.contender import Contender, Place, Ready, Sample, tool
from benchmarks.beside.driver import variables
from benchmarks.beside.scenario import Quantity, Scenario
from runyard.history.snapshots import SnapshotStore

Make = Callable[[Path, bool], None]
"""Make the source; small with --quick."""
Copy = Callable[[Path, Path], None]
"""Source, and the folder where the copy is to be."""
_RACY_S = 2.2
"""runyard and git read files again that are younger than two seconds."""
_CHUNK = 1 << 20


def many_files(root: Path, quick: bool) -> None:
    """10,000 small ones in 100 folders; 1,000 in 10."""
    for number in range(10 if quick else 100):
        folder = root / f"package_{number:03}"
        folder.mkdir(parents=True)
        for file in range(100):
            text = f"VALUE = {number * 100 + file}\n" * 20
            (folder / f"module_{file:03}.py").write_text(text)


def large_files(root: Path, quick: bool) -> None:
    """8 of 125 MB, of random bytes; 8 of 2 MB."""
    root.mkdir()
    for number in range(8):
        left = 2_000_000 if quick else 125_000_000
        with open(root / f"weights_{number}.bin", "wb") as stream:
            while left > 0:
                left -= stream.write(os.urandom(min(_CHUNK, left)))


def _copied(make: Make, first: Copy, again: Copy | None) -> Ready:
    """Each sample begins with an empty folder for the copy; the source stays as it is."""

    @contextmanager
    def ready(place: Place) -> Iterator[Callable[[], Sample]]:
        source, copy = place.folder / "source", place.folder / "copy"
        make(source, place.quick)
        time.sleep(_RACY_S)

        def sample() -> Sample:
            shutil.rmtree(copy, ignore_errors=True)
            copy.mkdir()
            found = {"first": _timed_ms(first, source, copy)}
            if again:
                again(source, copy)  # what a first look again has to learn
                found["unchanged"] = _timed_ms(again, source, copy)
            return found

        yield sample

    return ready


def _timed_ms(action: Copy, source: Path, copy: Path) -> float:
    begun = time.monotonic()
    action(source, copy)
    return (time.monotonic() - begun) * 1e3


def _runyard(source: Path, copy: Path) -> None:
    assert SnapshotStore(copy).take(source, limit_bytes=None).id


def _git_add(source: Path, copy: Path) -> None:
    _git(source, copy, "init", "--quiet")
    _git(source, copy, "add", "--all")


def _git_status(source: Path, copy: Path) -> None:
    """Of a commit, which is made by the first call."""
    if not (copy / "logs").exists():
        _git(source, copy, "commit", "--quiet", "--message=source")
    said = _git(source, copy, "status", "--porcelain")
    assert not said, said


def _git(source: Path, copy: Path, *arguments: str) -> str:
    argv = ["git", f"--git-dir={copy}", f"--work-tree={source}"]
    argv += ["-c", "user.name=bench", "-c", "user.email=bench@example.invalid", "-c", "gc.auto=0"]
    return _run([*argv, *arguments])


def _rsync(source: Path, copy: Path) -> None:
    _run(["rsync", "--archive", f"{source}/", f"{copy}/"])


def _cp(source: Path, copy: Path) -> None:
    _run(["cp", "--recursive", str(source), str(copy / "source")])


def _run(argv: list[str]) -> str:
    done = subprocess.run(argv, env=variables(), capture_output=True, text=True, check=True)
    return done.stdout


_RUNYARD = (
    "Called in a process that runs, as submit does. Every file by its content, once for all "
    "snapshots, and a list of them; an unchanged source is the same snapshot."
)
_GIT = (
    "`git init` and `git add --all`: every file compressed, by its content; not synced to disk by "
    "default. Unchanged: `git status` of a commit of it."
)
_RSYNC = (
    "`rsync --archive` into a folder: one copy, which the next one overwrites. Unchanged: again."
)
_CP = "`cp --recursive`: a whole copy each time, changed or not."


def _scenario(name: str, title: str, make: Make, *, what: str, rounds: int, slow: int) -> Scenario:
    """``slow``: rounds of those who compress."""
    git = tool("git", "--version")
    return Scenario(
        name=name,
        title=title,
        what=(
            f"{what} Measured are the first copy, into an empty folder, and one more when nothing "
            "has changed since. The source was read before: it is in the memory of the system."
        ),
        quantities=(
            Quantity("first", "first", "ms"),
            Quantity("unchanged", "unchanged", "ms"),
        ),
        contenders=(
            Contender("runyard", _RUNYARD, _copied(make, _runyard, _runyard)),
            Contender("git", _GIT, _copied(make, _git_add, _git_status), version=git, rounds=slow),
            Contender(
                "rsync", _RSYNC, _copied(make, _rsync, _rsync), version=tool("rsync", "--version")
            ),
            Contender("cp", _CP, _copied(make, _cp, None), version=tool("cp", "--version")),
        ),
        rounds=rounds,
        warm_up=1 if slow == rounds else 0,
    )


SCENARIOS: tuple[Scenario, ...] = (
    _scenario(
        "snapshot",
        "A source of 10,000 files",
        many_files,
        what="10,000 files of 0.3 kB in 100 folders.",
        rounds=7,
        slow=7,
    ),
    _scenario(
        "snapshot_1gb",
        "A source of 1 GB",
        large_files,
        what="8 files of 125 MB whose bytes cannot be compressed.",
        rounds=3,
        slow=1,
    ),
)
