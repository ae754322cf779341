"""A hundred thousand files in ./outputs: the end of the run, lists of them and a download."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.errors import UserErrorException
from runyard.history.run import Run
from runyard.record import owner
from runyard.testing import runs
from runyard.widgets.run_view import RunView
from tests.faults import submitting
from tests.load import commands
from tests.load.sizes import measured, peak_until_its_end, size

FILES = size(3_000, 100_000)
RUNNER_MB = 30
SCRIPT = f"""
import os, time
for n in range({FILES}):
    if n % 1000 == 0:
        folder = "outputs/part%d" % (n // 1000)
        os.makedirs(folder)
    with open("%s/%d.txt" % (folder, n), "w") as file:
        file.write(str(n))
open("../../../../../written", "w").close()
while not os.path.exists("../../../../../go"):
    time.sleep(0.01)
"""


@pytest.fixture(scope="session")
def run(new_folder: Callable[[], Path]) -> Run:
    folder = new_folder()
    place = submitting.workspace(folder)
    run = submitting.submit(place, submitting.source(folder / "code", SCRIPT))
    runs.wait_for((folder / "written").exists, 300)
    runner = owner.signature(run.directory.lock)["pid"]
    (folder / "go").touch()
    with measured(f"end of a run with {FILES} outputs"):
        runner_mb = peak_until_its_end(runner)
    print(f" (runner {runner_mb:.0f} MB)", end="")
    assert runner_mb < RUNNER_MB
    assert run.wait_for_completion()["status"] == "Completed"
    return run


def test_they_are_listed(run: Run) -> None:
    with measured("get_file_names"):
        names = run.get_file_names()
    assert sum(name.startswith("outputs/part") for name in names) == FILES
    with measured("the view of a notebook"):
        shown = RunView(run).files()
    assert shown["count"] == len(names)
    done = commands.runyard(Path(run.directory.workspace.path).parent, "files", run.id)
    print(f"\nrunyard files: {done.seconds:.2f} s, {done.peak_mb:.0f} MB", end="")
    assert done.code == 0


def test_a_list_of_runs_does_not_look_at_them(run: Run) -> None:
    for arguments in (("runs",), ("show", run.id)):
        done = commands.runyard(Path(run.directory.workspace.path).parent, *arguments)
        print(f"\n{arguments[0]}: {done.seconds:.2f} s, {done.peak_mb:.0f} MB", end="")
        assert done.code == 0


def test_they_are_downloaded(run: Run, folder: Path) -> None:
    with measured("download_files"):
        run.download_files(prefix="outputs", output_directory=str(folder / "copy"))
    found = sorted(int(path.read_text()) for path in (folder / "copy").glob("outputs/*/*.txt"))
    assert found == [*range(FILES)]


def test_the_error_for_a_wrong_name_is_short(run: Run) -> None:
    more = len(run.get_file_names()) - 20
    with pytest.raises(UserErrorException, match=f" and {more} more") as raised:
        run.download_file("outputs/none")
    assert len(str(raised.value)) < 2_000
