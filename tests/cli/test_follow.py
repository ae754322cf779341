"""``submit --follow`` and ``logs -f`` as real processes: output, exit codes, Ctrl-C, pipes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from runyard.record import script
from tests import killing
from tests.cli import processes
from tests.cli.fixtures import Invoke, run_directory
from tests.cli.processes import wait_for

GATE = """
import os, time
print('started', flush=True)
while not os.path.exists({gate!r}): time.sleep(0.01)
print('done', end='')
"""


def _run_ids(project: Path) -> list[str]:
    return [path.parent.name for path in project.glob(".runyard/runs/*/*/run.json")]


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ("print('fine')", 0, "Completed after"),
        ("import sys; sys.exit(3)", 3, "Failed (script_exit_code 3) after"),
        ("import sys; sys.exit('text')", 1, "Failed (script_exit_code 1) after"),
        ("raise ValueError('bad value')", 1, "User program failed with ValueError: bad value"),
        ("import os; os.kill(os.getpid(), 9)", 137, "Failed (signal SIGKILL) after"),
        ("import os; os.kill(os.getpid(), 11)", 139, "Failed (signal SIGSEGV) after"),
        ("raise MemoryError", 137, "Failed (out_of_memory) after"),
        ("def f(:", 1, "SyntaxError"),
    ],
)
def test_the_exit_code_follows_the_end(project: Path, script: str, code: int, words: str) -> None:
    (project / "train.py").write_text(script)
    done = processes.run("submit", "--follow", "--user-managed", "train.py")
    assert done.returncode == code
    assert words in done.stderr
    assert f"runyard show {_run_ids(project)[0]}" in done.stderr


def test_an_error_has_its_place_and_a_hint(project: Path) -> None:
    (project / "train.py").write_text("def load():\n    open('nope.csv')\nload()\n")
    said = processes.run("submit", "-f", "--user-managed", "train.py").stderr
    assert "  at train.py:2, in load\n" in said
    assert "  hint: The script raised an exception" in said


def test_a_time_limit_ends_with_124(project: Path) -> None:
    (project / "train.py").write_text("import time; time.sleep(60)")
    done = processes.run("submit", "-f", "--user-managed", "--max-seconds", "0.2", "train.py")
    assert done.returncode == 124
    assert "Failed (time_limit)" in done.stderr


def test_a_cancelled_run_ends_with_130(project: Path) -> None:
    (project / "train.py").write_text(GATE.format(gate="/nowhere"))
    follower = processes.start("submit", "-f", "--user-managed", "train.py")
    assert follower.stdout is not None
    assert follower.stdout.readline() == b"started\n"
    done = processes.run("cancel", "last")
    assert done.stdout == f"{_run_ids(project)[0]}: Canceled\n"
    _, err = follower.communicate(timeout=30)
    assert follower.returncode == 130
    assert b"Canceled after" in err
    assert b"runyard rerun" in err


def test_ctrl_c_leaves_the_run_alone(project: Path) -> None:
    gate = project.parent / "gate"
    (project / "train.py").write_text(GATE.format(gate=str(gate)))
    follower = processes.start("submit", "-f", "--user-managed", "train.py", start_new_session=True)
    assert follower.stdout is not None
    follower.stdout.readline()
    os.killpg(follower.pid, signal.SIGINT)
    _, err = follower.communicate(timeout=30)
    (run_id,) = _run_ids(project)
    assert follower.returncode == 130
    said = err.decode()
    assert f"The run goes on. To follow it again: runyard logs -f {run_id}\n" in said
    assert f"To end it: runyard cancel {run_id}\n" in said
    assert "Traceback" not in said
    gate.touch()
    assert processes.run("logs", "-f", "last").stdout == "started\ndone"
    assert '"Completed"' in processes.run("show", "last", "--json").stdout


def test_logs_follow_to_the_end(project: Path) -> None:
    gate = project.parent / "gate"
    (project / "train.py").write_text(GATE.format(gate=str(gate)))
    assert processes.run("submit", "--user-managed", "train.py").returncode == 0
    follower = processes.start("logs", "-f", "last")
    assert follower.stdout is not None
    assert follower.stdout.readline() == b"started\n"
    gate.touch()
    out, err = follower.communicate(timeout=30)
    assert (out, err, follower.returncode) == (b"done", b"", 0)


def test_a_reader_that_leaves_is_no_error(project: Path) -> None:
    gate = project.parent / "gate"
    script = "print('x' * 79 + '\\n', end='')\n" * 3 + "print('y\\n' * 500_000, flush=True)\n"
    (project / "train.py").write_text(script + GATE.format(gate=str(gate)))
    for command in (["submit", "-f", "--user-managed", "train.py"], ["logs", "-f", "last"]):
        with processes.start(*command) as writer:
            assert writer.stdout is not None
            assert writer.stderr is not None
            writer.stdout.readline()
            writer.stdout.close()
            assert writer.wait(30) == 141
            said = writer.stderr.read()
        assert b"Traceback" not in said
        assert b"error" not in said.lower()
    gate.touch()
    wait_for(lambda: '"Completed"' in processes.run("show", "last", "--json").stdout)


def test_head_in_a_shell(project: Path) -> None:
    (project / "train.py").write_text("print('y\\n' * 500_000)")
    processes.run("submit", "-f", "--user-managed", "train.py")
    command = " ".join(processes.COMMAND)
    done = subprocess.run(
        ["bash", "-c", f"{command} logs last | head -1; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
    )
    assert done.stdout == "y\n141\n"
    assert done.stderr == ""


def test_a_requirement_that_cannot_be_resolved_ends_with_78(project: Path) -> None:
    (project / "train.py").write_text("")
    env = processes.without_network(project)
    done = processes.run("submit", "-f", "--pip", "no-such-package-xyz==1", "train.py", env=env)
    assert done.returncode == 78
    assert "Failed (environment_failed)" in done.stderr
    # The log above has ended with the error, so it is not told again.
    assert "was not built: " in done.stderr
    assert "no-such-package-xyz" not in done.stderr.partition("Failed (environment_failed)")[2]
    assert "Building environment" in done.stderr
    assert done.stdout == ""
    logs = processes.run("logs", "last")
    assert "no-such-package-xyz" in logs.stdout
    shown = processes.run("show", "last").stdout
    assert "Failed (environment_failed)" in shown
    assert "log ends" in shown
    assert "was not built" not in shown


def test_the_end_begins_a_line_of_its_own(project: Path) -> None:
    (project / "train.py").write_text("print('100%', end='')")
    ours, theirs = os.openpty()
    words = ("submit", "-f", "--user-managed", "train.py")
    with processes.start(*words, stdout=theirs, stderr=theirs, stdin=theirs) as process:
        os.close(theirs)
        said = processes.read_all(ours)
        assert process.wait(30) == 0
    assert "100%\r\nrun train" in re.sub(r"\r\nrun \w+: ", "\r\nrun train: ", said)
    assert processes.run("logs", "last").stdout == "100%"


def test_an_environment_that_is_built_shows_its_log(project: Path) -> None:
    (project / "train.py").write_text("import sys; print('ran', sys.prefix != sys.base_prefix)")
    env = {**os.environ, "RUNYARD_CACHE_DIR": str(project.parent / "cache")}
    done = processes.run("submit", "-f", "train.py", env=env)
    assert done.stdout == "ran True\n"
    assert "Building environment" in done.stderr
    done = processes.run("submit", "-f", "train.py", env=env)
    assert done.stdout == "ran True\n"
    assert "Building environment" not in done.stderr
    assert "built already" in processes.run("submit", "--plan", "train.py", env=env).stdout


def test_a_lost_runner_does_not_end_the_following(project: Path, invoke: Invoke) -> None:
    """Another runner goes on with the run, and the follower sees how it really ends."""
    follower, _ = _with_killed_runner(project, GATE.format(gate=str(project / "gate")))
    (project / "gate").touch()
    _, err = follower.communicate(timeout=30)
    assert follower.returncode == 0
    assert b"Completed" in err


def test_a_lost_run_ends_the_following(project: Path, invoke: Invoke) -> None:
    """The script and its witness were killed with the runner: nobody can know how it ended."""
    follower, run_id = _with_killed_runner(project, GATE.format(gate="/nowhere"), all_of_it=True)
    _, err = follower.communicate(timeout=30)
    assert follower.returncode == 70
    assert b"Failed (runner_lost)" in err
    assert f"runyard rerun {run_id}".encode() in err


def _with_killed_runner(
    project: Path, text: str, *, all_of_it: bool = False
) -> tuple[subprocess.Popen[bytes], str]:
    (project / "train.py").write_text(text)
    follower = processes.start("submit", "-f", "--user-managed", "train.py")
    assert follower.stdout is not None
    follower.stdout.readline()
    (run_id,) = _run_ids(project)
    directory = run_directory(project, run_id)
    wait_for(lambda: script.read(directory).pid)
    (killing.lose if all_of_it else killing.kill_runner)(directory)
    return follower, run_id
