"""A shell told to end while what it waits for ends too: it ends with that one's exit code."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard.computes.slurm import steps
from runyard.computes.slurm.script import batch_script
from runyard.runner import container, distributed
from runyard.testing import runs
from tests.launchers.shells import SHELLS, shell_of

_CONTAINER = str(Path(container.__file__).with_name("container.sh"))
_WAITS = 'echo $$ >"$0.new"; mv "$0.new" "$0"; exec sleep 60'


def _in_a_container(folder: Path, program: list[str]) -> list[str]:
    return [_CONTAINER, str(folder / "log"), str(folder), *program]


def _on_a_node(_folder: Path, program: list[str]) -> list[str]:
    return ["-c", f'. "{distributed.NODE}"; start "$@"; wait_for_all', "sh", *program]


def _in_a_step(_folder: Path, program: list[str]) -> list[str]:
    return [steps._STEP, "", *program]


def _as_a_job(folder: Path, program: list[str]) -> list[str]:
    script = folder / "slurm.sh"
    script.write_text(batch_script(str(folder), program, submitted_by=["sbatch"]))
    return [str(script)]


@pytest.mark.parametrize(
    ("arguments", "shell"),
    [
        *((one, shell) for one in (_in_a_container, _on_a_node, _in_a_step) for shell in SHELLS),
        (_as_a_job, "bash"),
    ],
)
def test_the_code_of_what_ended_as_the_signal_came(
    tmp_path: Path, arguments: Callable[[Path, list[str]], list[str]], shell: str
) -> None:
    argv = ["bash"] if arguments is _as_a_job else shell_of(shell)
    argv += arguments(tmp_path, ["sh", "-c", _WAITS, str(tmp_path / "pid")])
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin
        process.stdin.write(container.ALL.encode())
        process.stdin.close()
        runs.wait_for((tmp_path / "pid").exists)
        waiting = int((tmp_path / "pid").read_text())
        runs.wait_for(lambda: _state(process.pid) == "S")
        process.send_signal(signal.SIGSTOP)
        runs.wait_for(lambda: _state(process.pid) == "T")
        process.send_signal(signal.SIGTERM)
        os.kill(waiting, signal.SIGKILL)
        runs.wait_for(lambda: _state(waiting) == "Z")
        process.send_signal(signal.SIGCONT)
        assert process.wait(60) == 128 + signal.SIGKILL


def _state(pid: int) -> str:
    """The letter of proc(5): S sleeps, T is stopped, Z has ended."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
