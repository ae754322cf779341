from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.errors import (
    ActivityFailedException,
    ExperimentExecutionException,
    UserErrorException,
)
from runyard.history import failure
from runyard.history.experiment import Experiment
from runyard.history.run import Run
from runyard.history.streaming import LogFollower, Waiter
from runyard.history.workspace import Workspace
from runyard.job import interactive
from runyard.record import owner, ranks
from runyard.record.layout import RunDirectory
from runyard.record.owner import Ownership
from runyard.record.states import Reason, Status
from tests.history.helpers import end, make_run, note_status

Step = Callable[[], object]


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    monkeypatch.chdir(tmp_path)
    return Experiment(Workspace.create("my-ws"), "exp")


@pytest.fixture
def run(experiment: Experiment) -> Run:
    return Run(experiment, make_run(experiment.workspace.directory, "exp", target="local").id)


@pytest.fixture
def runner(run: Run) -> Ownership:
    """This process is the runner, so nobody finds the run lost."""
    ownership = owner.take(run.directory.lock)
    assert ownership is not None
    owner.sign(ownership, owner.identity())
    return ownership


class Script:
    """A clock whose every sleep lets the next thing happen."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.slept: list[float] = []
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)
        if self.steps:
            self.steps.pop(0)()
        assert len(self.slept) < 1000, "waits for ever"


def write(path: str, text: str | bytes) -> Step:
    def step() -> None:
        with open(path, "ab") as stream:
            stream.write(text.encode() if isinstance(text, str) else text)

    return step


def statuses(directory: RunDirectory, *names: Status) -> Step:
    return lambda: note_status(directory, *names)


def ends(directory: RunDirectory, reason: Reason = Reason.COMPLETED, **detail: object) -> Step:
    return lambda: end(directory, reason, **detail)


def wait(run: Run, script: Script, show: bool = True, raise_on_error: bool = True) -> str:
    out = io.StringIO()
    Waiter(run, clock=script.clock, sleep=script.sleep, out=out).wait(show, raise_on_error)
    return out.getvalue()


@pytest.mark.usefixtures("runner")
def test_the_logs_are_printed_as_they_grow(run: Run) -> None:
    there = run.directory
    script = Script(
        statuses(there, Status.PREPARING),
        write(there.environment_log, "building\n"),
        write(there.environment_log, "built\n"),
        statuses(there, Status.RUNNING),
        write(there.std_log, "epoch 1\nepo"),
        write(there.std_log, "ch 2\n"),
        ends(there),
    )
    assert wait(run, script) == (
        f"RunId: {run.id}\nWeb View: file://{there.path}\n"
        "\nStreaming system_logs/environment.txt\n=====================================\n\n"
        "building\nbuilt\n"
        "\nStreaming user_logs/std_log.txt\n===============================\n\n"
        "epoch 1\nepoch 2\n"
        f"\nExecution Summary\n=================\nRunId: {run.id}\nWeb View: file://{there.path}\n\n"
    )
    assert max(script.slept) < 0.02


@pytest.mark.usefixtures("runner")
def test_what_is_written_with_the_end_is_not_lost(run: Run) -> None:
    there = run.directory

    def last_words() -> None:
        write(there.std_log, "the tail without a newline")()
        end(there)

    script = Script(statuses(there, Status.RUNNING), last_words)
    assert "the tail without a newline\nExecution Summary" in wait(run, script)


def test_a_run_that_has_ended_is_printed_whole(run: Run) -> None:
    note_status(run.directory, Status.RUNNING)
    write(run.directory.std_log, "all of it\n")()
    end(run.directory)
    assert "all of it\n" in wait(run, Script())


def test_nothing_is_announced_for_empty_logs(run: Run) -> None:
    write(run.directory.environment_log, "")()
    end(run.directory, Reason.CANCELLED)
    assert "Streaming" not in wait(run, Script())


def test_of_several_processes_the_first_is_shown(run: Run) -> None:
    for rank in (1, 0):
        write(run.directory.join("user_logs", f"std_log_process_{rank}.txt"), f"rank {rank}\n")()
    end(run.directory)
    text = wait(run, Script())
    assert "Streaming user_logs/std_log_process_0.txt" in text
    assert "rank 0" in text
    assert "rank 1" not in text


def test_an_endless_line_is_printed_as_it_arrives(tmp_path: Path) -> None:
    out = io.StringIO()
    path = tmp_path / "log"
    follower = LogFollower(str(path), out)
    assert not follower.print_new()
    write(str(path), b"\r10%")()
    assert follower.print_new()
    assert out.getvalue() == "\r10%"
    write(str(path), b" 20% \xc3")()
    follower.print_new()
    write(str(path), b"\xa4 \xff \xe2\x82")()
    follower.print_new()
    assert out.getvalue() == "\r10% 20% ä � "
    follower.print_new(final=True)
    assert out.getvalue() == "\r10% 20% ä � �"
    follower.close()


class Counter(io.StringIO):
    """A sink that remembers only how much it got."""

    total = 0
    largest = 0

    def write(self, text: str) -> int:
        self.total += len(text)
        self.largest = max(self.largest, len(text))
        return len(text)


def test_a_large_log_is_not_held_in_memory(tmp_path: Path) -> None:
    size = 64 << 20
    path = tmp_path / "log"
    with path.open("wb") as stream:
        stream.truncate(size)
    counter = Counter()
    follower = LogFollower(str(path), counter)
    follower.print_new(final=True)
    follower.close()
    assert counter.total == size
    assert counter.largest <= 1 << 20


def test_a_terminal_with_less_than_unicode(tmp_path: Path) -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    path = tmp_path / "log"
    write(str(path), "loss → 0.1\n")()
    follower = LogFollower(str(path), out)
    follower.print_new()
    follower.close()
    assert raw.getvalue() == b"loss ? 0.1\n"


@pytest.mark.usefixtures("runner")
def test_ctrl_c_leaves_the_run_alone(run: Run) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(ExperimentExecutionException) as caught:
        wait(run, Script(statuses(run.directory, Status.RUNNING), interrupt))
    assert caught.value.message.startswith(
        f"The output of run {run.id} is no longer shown; the run continues. See it again: "
    )
    assert run.get_status() == "Running"
    assert os.listdir(run.directory.requests) == []


@pytest.mark.usefixtures("runner")
def test_waiting_looks_often_at_first_and_rarely_later(run: Run) -> None:
    there = run.directory
    quiet = [lambda: None] * 100
    script = Script(*quiet, statuses(there, Status.RUNNING), *quiet, ends(there))
    assert wait(run, script, show=False) == ""
    first, second = script.slept[:101], script.slept[101:]
    for slept in (first, second):  # a share of the time since the last change
        assert slept == sorted(slept)
        assert slept[0] == 0.02
        assert slept[-1] == 0.5
        waited = sum(slept[:40])
        assert slept[40] == pytest.approx(waited / 20)


def failed_detail(run: Run) -> dict[str, object]:
    location = {"file": os.path.join(run.directory.work, "sub", "train.py"), "line": 3}
    return {
        "exit_code": 1,
        "error": {
            "type": "ValueError",
            "message": "bad",
            "location": {**location, "function": "main"},
            "traceback": "Traceback …",
            "log_tail": ["line 1", "line 2"],
        },
    }


def test_a_warning_is_its_text(experiment: Experiment) -> None:
    where = experiment.workspace.directory
    run = Run(experiment, make_run(where, "exp", notices=["the image is left out"]).id)
    end(run.directory)
    assert "\nWarning: the image is left out\n" in wait(run, Script())


def test_a_failed_run_raises_with_all_that_helps(run: Run) -> None:
    end(run.directory, Reason.SCRIPT_EXCEPTION, **failed_detail(run))
    with pytest.raises(ActivityFailedException) as caught:
        wait(run, Script(), show=False)
    summary = (
        f"run {run.id} failed: script_exception (exit code 1)\n"
        "User program failed with ValueError: bad\n"
        "at sub/train.py:3, in main\n"
        f"hint: {Reason.SCRIPT_EXCEPTION.hint}\n"
        f"everything about it: {run.directory.path}"
    )
    tail = "the last lines of user_logs/std_log.txt:\nline 1\nline 2"
    assert caught.value.message == f"{summary}\n{tail}"
    with pytest.raises(ActivityFailedException) as shown:
        wait(run, Script())
    assert shown.value.message == summary
    assert caught.value.error_details == run.get_details()["error"]


def test_the_place_of_an_error_survives_a_move_of_the_workspace(run: Run, tmp_path: Path) -> None:
    end(run.directory, Reason.SCRIPT_EXCEPTION, **failed_detail(run))
    workspace = run.experiment.workspace
    moved = Workspace.at(shutil.move(workspace.path, tmp_path / "elsewhere")).get_run(run.id)
    error = moved.get_details()["error"]
    assert "\nat sub/train.py:3, in main\n" in failure.summary(moved.directory, error)


def test_a_failed_run_is_summed_up_where_it_does_not_raise(run: Run) -> None:
    end(run.directory, Reason.SCRIPT_EXCEPTION, **failed_detail(run))
    text = wait(run, Script(), raise_on_error=False)
    assert f"\nrun {run.id} failed: script_exception (exit code 1)\nUser program" in text
    assert "line 2" not in text


@pytest.mark.parametrize(
    ("reason", "log"),
    [
        (Reason.ENVIRONMENT_FAILED, "system_logs/environment.txt"),
        (Reason.LAUNCH_FAILED, "system_logs/runner.txt"),
        (Reason.SCRIPT_EXIT_CODE, "user_logs/std_log.txt"),
    ],
)
def test_the_log_the_cause_is_in_is_quoted(run: Run, reason: Reason, log: str) -> None:
    write(run.directory.join(log), "".join(f"line {n}\n" for n in range(100)) + "x" * 9000)()
    end(run.directory, reason)
    with pytest.raises(ActivityFailedException) as caught:
        wait(run, Script(), show=False)
    quoted = caught.value.message.partition(f"the last lines of {log}:\n")[2].splitlines()
    assert quoted[:-1] == [f"line {n}" for n in range(71, 100)]
    assert len(quoted[-1]) == 500


@pytest.fixture
def several(experiment: Experiment) -> Run:
    """A run of four processes."""
    spec = {
        "distribution": {"process_count": 4},
        "launcher": "pytorch",
        "node_count": 2,
        "processes_per_node": 2,
    }
    made = make_run(experiment.workspace.directory, "exp", target="local", spec=spec)
    for rank in range(4):
        write(made.rank_log(rank), f"from {rank}\n")()
    return Run(experiment, made.id)


def test_of_several_processes_the_first_is_followed_from_the_start(several: Run) -> None:
    write(several.directory.std_log, "data: here\n")()
    end(several.directory)
    text = wait(several, Script())
    assert "Streaming user_logs/std_log_process_0.txt" in text
    assert "from 0\n" in text
    assert "data: here" not in text
    assert "from 1" not in text


@pytest.mark.parametrize("rank", [0, 3])
def test_the_rank_that_failed_is_named_with_the_end_of_its_log(several: Run, rank: int) -> None:
    error = {"type": "ValueError", "message": "bad", "rank": rank}
    end(several.directory, Reason.SCRIPT_EXCEPTION, error=error, exit_code=1, rank=rank)
    with pytest.raises(ActivityFailedException) as caught:
        wait(several, Script(), show=False)
    said = caught.value.message
    assert said.startswith(
        f"run {several.id} failed: script_exception (exit code 1, rank {rank})\n"
        "User program failed with ValueError: bad\n"
    )
    quoted = f"the last lines of user_logs/std_log_process_{rank}.txt:\nfrom {rank}"
    assert said.endswith(quoted)
    with pytest.raises(ActivityFailedException) as shown:
        wait(several, Script())
    # The log of the first was printed; that of another was not.
    assert (quoted in shown.value.message) is (rank == 3)


def test_the_details_tell_of_every_process(several: Run, run: Run) -> None:
    path = ranks.path_of(several.directory, 2)
    os.makedirs(several.directory.ranks)
    write(path, '{"t": 1, "host": "n2", "node": 1, "pid": 7}\n{"t": 2, "code": 3}\n')()
    found = several.get_details()
    assert found["distribution"] == {
        "launcher": "pytorch",
        "nodeCount": 2,
        "processCountPerNode": 2,
        "processCount": 4,
        "ranks": [{"rank": 2, "node": 1, "host": "n2", "exitCode": 3}],
    }
    assert "user_logs/std_log_process_3.txt" in found["logFiles"]
    assert "user_logs/std_log_process_3.txt" in several.get_file_names()
    kept = several.get_all_logs("kept")
    assert [Path(name).read_text() for name in kept if "process_1" in name] == ["from 1\n"]
    assert "distribution" not in run.get_details()


def test_a_cancelled_run_does_not_raise(run: Run) -> None:
    end(run.directory, Reason.CANCELLED)
    assert run.wait_for_completion()["status"] == "Canceled"


def test_a_run_lost_while_it_is_waited_for_ends_the_wait(run: Run) -> None:
    code = (
        "import sys\nfrom runyard.record import owner\nfd = owner.take(sys.argv[1])\n"
        "owner.sign(fd, owner.identity())\nprint('held', flush=True)\nsys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, run.directory.lock],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

        def kill() -> None:
            os.kill(holder.pid, signal.SIGKILL)
            holder.wait()

        with pytest.raises(ActivityFailedException, match=r"failed: runner_lost"):
            wait(run, Script(lambda: None, kill), show=False)


@pytest.mark.usefixtures("runner")
def test_a_run_removed_while_it_is_waited_for_ends_the_wait(run: Run) -> None:
    script = Script(lambda: None, lambda: shutil.rmtree(run.directory.path))
    with pytest.raises(UserErrorException, match=rf"run {run.id} was removed: .* is gone"):
        wait(run, script, show=False)


def test_nobody_waits_for_himself(experiment: Experiment) -> None:
    run = experiment.start_logging(snapshot_directory=None, outputs=False)
    with pytest.raises(ExperimentExecutionException, match=r"started by this process and ends"):
        run.wait_for_completion()
    run.complete()
    assert run.wait_for_completion()["status"] == "Completed"
    assert not interactive.is_owned(run.directory)
