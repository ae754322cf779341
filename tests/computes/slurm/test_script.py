"""The batch script, and what reaches the shell in it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runyard.computes.slurm.script import batch_script, filename, quoted
from runyard.errors import UserErrorException

NASTY = "a 'b' \"c\" $(touch hacked) `touch hacked` ; touch hacked & | > < * ~ ! \\ # é"


def written(folder: Path, **changes: object) -> Path:
    run = folder / "run"
    run.mkdir(exist_ok=True)
    given: dict[str, object] = {"submitted_by": ["sbatch", "--parsable", "slurm.sh"], **changes}
    runner = given.pop("runner", ["sh", "-c", 'echo "started $0"', str(run)])
    script = folder / "slurm.sh"
    script.write_text(batch_script(str(run), runner, **given))  # type: ignore[arg-type]
    return script


def carried_out(script: Path) -> subprocess.CompletedProcess[str]:
    argv = ["bash", script.name]
    return subprocess.run(argv, cwd=script.parent, capture_output=True, text=True, check=False)


def test_it_starts_the_runner(tmp_path: Path) -> None:
    done = carried_out(written(tmp_path))
    assert (done.returncode, done.stdout) == (0, f"started {tmp_path / 'run'}\n")


COUNTED = 'echo "$2" >>"$1/starts"; test "$(wc -l <"$1/starts")" -gt {times} || kill -{signal} $$'


@pytest.mark.parametrize(
    ("times", "signal", "starts", "code"),
    [(0, "KILL", 1, 0), (3, "KILL", 4, 0), (2, "SEGV", 3, 0), (99, "KILL", 11, 137)],
)
def test_a_runner_that_was_killed_is_followed_by_another_one(
    tmp_path: Path, times: int, signal: str, starts: int, code: int
) -> None:
    text = COUNTED.format(times=times, signal=signal)
    script = written(tmp_path, runner=["sh", "-c", text, "sh", str(tmp_path), NASTY])
    done = carried_out(script)
    assert done.returncode == code
    assert (tmp_path / "starts").read_text() == f"{NASTY}\n" * starts
    assert done.stderr.count("runyard: the runner (process ") == (10 if code else times)
    assert len(set(re.findall(r"process (\d+)\)", done.stderr))) == (10 if code else times)


def test_one_that_has_ended_is_not_followed(tmp_path: Path) -> None:
    done = carried_out(written(tmp_path, runner=["sh", "-c", "echo ends; exit 1"]))
    assert (done.returncode, done.stdout, done.stderr) == (1, "ends\n", "")


HEARS = (
    "import os, signal, sys; told = {10, 15}; [signal.signal(n, print) for n in told]; "
    "signal.pthread_sigmask(signal.SIG_BLOCK, told); print('begun', file=sys.stderr, flush=True); "
    "[print('heard', int(signal.sigwait(told)), flush=True) for _ in told]; "
)


@pytest.mark.parametrize("then", ["", "os.kill(os.getpid(), 9)"])
def test_the_runner_hears_what_slurm_tells_the_shell(tmp_path: Path, then: str) -> None:
    """Once told to end, the job has no use for another runner."""
    script = written(tmp_path, runner=[sys.executable, "-c", HEARS + then])
    with subprocess.Popen(
        ["bash", str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline() == "begun\n"
        process.send_signal(signal.SIGUSR1)
        assert process.stdout.readline() == "heard 10\n"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert out == "heard 15\n"
    assert process.returncode == (137 if then else 0), err
    assert "\nbegun\n" not in err


def test_what_the_runner_starts_is_marked_and_the_shell_is_not(tmp_path: Path) -> None:
    text = "tr '\\0' '\\n' </proc/$PPID/environ; echo; env"
    script = written(tmp_path, runner=["sh", "-c", text])
    done = subprocess.run(
        ["bash", str(script)],
        env={**os.environ, "RUNYARD_RUN_DIRECTORY": "/"},
        capture_output=True,
        text=True,
        check=True,
    )
    marks = [line for line in done.stdout.splitlines() if line.startswith("RUNYARD_RUN_DIR")]
    assert marks == ["RUNYARD_RUN_DIRECTORY=/", f"RUNYARD_RUN_DIRECTORY={tmp_path / 'run'}"]


def test_no_value_reaches_the_shell_unquoted(tmp_path: Path) -> None:
    prologue = tmp_path / "pro'logue $(touch hacked).sh"
    prologue.write_text('export SITE=loaded\nmodule() { echo "module $*"; }\n')
    (tmp_path / "run").mkdir()
    run = tmp_path / NASTY.replace("/", "")
    run.mkdir()
    script = tmp_path / "slurm.sh"
    script.write_text(
        batch_script(
            str(run),
            ["sh", "-c", 'printf "%s\\n" "$@"; echo "$SITE"', "sh", NASTY],
            submitted_by=["sbatch", f"--comment={NASTY}"],
            prologue=str(prologue),
        )
    )
    done = carried_out(script)
    assert (done.returncode, done.stdout) == (0, f"{NASTY}\nloaded\n"), done.stderr
    assert "hacked" not in os.listdir(tmp_path)


def test_modules_are_loaded_in_order(tmp_path: Path) -> None:
    init = tmp_path / "modules" / "init"
    init.mkdir(parents=True)
    (init / "bash").write_text('module() { echo "module $*"; [ "$2" != missing ]; }\n')
    modules = ["gcc/12 $(x)", "cuda"]
    script = written(tmp_path, modules=modules)
    env = {**os.environ, "MODULESHOME": str(tmp_path / "modules"), "LMOD_PKG": "/nowhere"}
    argv = ["bash", str(script)]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[:2] == ["module load gcc/12 $(x)", "module load cuda"]
    script = written(tmp_path, modules=["missing"])
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 127
    assert done.stderr.endswith(": module load missing failed\n")


def test_a_node_without_modules_says_so(tmp_path: Path) -> None:
    script = written(tmp_path, modules=["cuda"])
    env = {"PATH": os.environ["PATH"], "LMOD_PKG": "/nowhere", "MODULESHOME": "/nowhere"}
    argv = ["bash", str(script)]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 127
    assert "there is no command 'module' on this node" in done.stderr


@pytest.mark.parametrize(
    ("runner", "what"),
    [
        (["/nowhere/python", "x.py"], "/nowhere/python (the Python of runyard)"),
        (["sh", "/nowhere/runner.py"], "/nowhere/runner.py (runyard itself)"),
    ],
)
def test_what_a_node_does_not_see_is_said(tmp_path: Path, runner: list[str], what: str) -> None:
    done = carried_out(written(tmp_path, runner=runner))
    assert done.returncode == 127
    host = os.uname().nodename
    assert done.stderr == (
        f"runyard: {host}: {what} is not seen on this node: put it on a file system that all "
        "nodes see\n"
    )


def test_a_prologue_that_fails_is_said(tmp_path: Path) -> None:
    prologue = tmp_path / "site.sh"
    prologue.write_text("false\n")
    done = carried_out(written(tmp_path, prologue=str(prologue)))
    assert done.returncode == 127
    assert done.stderr.endswith(f": the prologue {prologue} failed\n")


def test_control_characters_are_refused() -> None:
    with pytest.raises(UserErrorException) as caught:
        quoted("a\nb")
    assert caught.value.message == (
        "'a\\nb' has a control character (such as the end of a line), which cannot be given to "
        "Slurm: leave it out"
    )


def test_a_percent_sign_in_a_path_stands_for_itself() -> None:
    assert filename("/data/100%j/run") == "/data/100%%j/run"
