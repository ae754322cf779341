"""Many submits at once, and submits of processes that have run out of something."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from runyard.record import events
from runyard.record.states import Reason
from tests.faults import laws, submitting
from tests.requirements import missing

PROCESSES, EACH = 8, 25
NOBODY = 54321
ENOUGH = 100
"""Processes and threads: of more cores, uv has more."""

MANY = """
import os, sys
from pathlib import Path
from tests.faults import submitting
place, source, starts, count = sys.argv[1:]
directory = submitting.WorkspaceDirectory(place)
fds = []
for number in range(int(count)):
    print(submitting.submit(directory, Path(source), starts).id, flush=True)
    fds.append(len(os.listdir("/proc/self/fd")))
assert fds[-1] <= fds[0] + 1, f"open files grow: {fds}"
"""
STARTED = """
import os, sys
open(sys.argv[1], "ab").write(b"x")
"""


def test_200_submits_at_once_from_8_processes(tmp_path: Path) -> None:
    place = submitting.workspace(tmp_path / "ws")
    source = submitting.source(tmp_path / "source", STARTED)
    given = (place.path, source, tmp_path / "starts", EACH)
    with laws.untouched(source):
        submitters = [submitting.program(MANY, *given) for _ in range(PROCESSES)]
        answers = [submitter.communicate() for submitter in submitters]
        laws.settle(place, 120)
    assert [err for _, err in answers] == [""] * PROCESSES
    said = [line for out, _ in answers for line in out.split()]
    assert len(set(said)) == PROCESSES * EACH
    assert {run.id for run in laws.runs(place)} == set(said)
    assert {events.read_state(run).reason for run in laws.runs(place)} == {Reason.COMPLETED}
    assert (tmp_path / "starts").stat().st_size == len(said)
    laws.hold(place, said)
    # One source, stored once, whoever came first.
    assert len(os.listdir(Path(place.path, "snapshots"))) == 1


LIMITED = """
import json, os, resource, sys
from pathlib import Path
from tests.faults import laws, submitting
from tests.requirements import missing

folder, what, limits = Path(sys.argv[1]), sys.argv[2], map(int, sys.argv[3:])
os.environ["RUNYARD_CACHE_DIR"] = os.environ["HOME"] = str(folder)
source = submitting.source(folder / "source", "print('it ran')")
place = submitting.workspace(folder / "ws")
kind = getattr(resource, f"RLIMIT_{what}")
before = resource.getrlimit(kind)
told = [submitting.submit(place, source).id]  # all that is imported late is there
for limit in limits:
    known = {run.id for run in laws.runs(place)}
    resource.setrlimit(kind, (limit, before[1]))
    said, error = [], ""
    try:
        said.append(submitting.submit(place, source).id)
    except Exception as failure:
        error = f"{failure}"
    resource.setrlimit(kind, before)
    laws.settle(place, later_s=10)
    told += said
    laws.hold(place, told)
    ends = [laws.end_of(run) for run in laws.runs(place) if run.id not in known]
    print(json.dumps([limit, said, error, ends]))
"""


def limited(folder: Path, what: str, *limits: int) -> dict[int, tuple[list[str], str, list[str]]]:
    """By limit: runs that submit returned, what it raised, how the runs ended that were made."""
    before: tuple[str, ...] = ()
    if what == "NPROC" and os.geteuid() == 0:
        if not shutil.which("setpriv"):
            missing("setpriv", "setpriv is not here: it comes with util-linux")
        # Root may have any number of processes. One who may read what root may, for the packages.
        folder.chmod(0o777)
        before = ("setpriv", f"--reuid={NOBODY}", "--inh-caps=-all,+dac_override")
        before += ("--ambient-caps=-all,+dac_override", "--bounding-set=-all,+dac_override")
    program = submitting.program(LIMITED, folder, what, *limits, before=before)
    out, err = program.communicate()
    assert program.returncode == 0, err
    return {limit: (*rest,) for limit, *rest in map(json.loads, out.splitlines())}


def test_no_file_descriptors_are_left(tmp_path: Path) -> None:
    answers = limited(tmp_path, "NOFILE", *range(5, 17), 40)
    for limit, (said, error, ends) in answers.items():
        if said:
            assert (error, ends) == ("", ["completed: 0"]), limit
        else:
            assert "Too many open files" in error, (limit, error)
            assert all(end.startswith("launch_failed: [Errno 24]") for end in ends), (limit, ends)
    kept = [error for _, error, ends in answers.values() if ends and error]
    assert all("close some, or raise the limit (ulimit -n is " in error for error in kept)
    # Nothing was made, or a run. What says why it failed is rare: the runner waits by then.
    found = {(bool(said), bool(ends)) for said, _, ends in answers.values()}
    assert {(False, False), (True, True)} <= found


def test_no_processes_are_left(tmp_path: Path) -> None:
    """A run that was started is returned, also where nothing else can be started any more."""
    limits = [*range(8), ENOUGH] if os.geteuid() == 0 else [0]
    answers = limited(tmp_path, "NPROC", *limits)
    said, error, ends = answers[0]
    assert said == []
    assert "as many processes run as may (ulimit -u is 0; a container has a limit" in error
    assert ends == ["launch_failed: [Errno 11] Resource temporarily unavailable"]
    for limit, (said, error, ends) in answers.items():
        assert len(ends) == 1, limit
        assert said or ends[0].startswith("launch_failed: "), (limit, error, ends)
    assert os.geteuid() != 0 or answers[ENOUGH][2] == ["completed: 0"]
