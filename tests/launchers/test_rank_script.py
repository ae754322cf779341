"""What every process of a distributed run starts under, in every shell that may be there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runyard import launchers
from runyard.record import ranks
from runyard.record.layout import RunDirectory
from runyard.testing import runs
from tests.launchers.shells import SHELLS, shell_of

RANK_SH = str(Path(launchers.__file__).with_name("rank.sh"))


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    return shell_of(request.param)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    directory = runs.make_run(runs.workspace(tmp_path))
    os.makedirs(ranks.failed_folder(directory))
    return directory


def start(
    shell: list[str], run: RunDirectory, code: str, **variables: str
) -> subprocess.Popen[bytes]:
    env = {"PATH": os.environ["PATH"], "RUNYARD_RUN_DIRECTORY": run.path, **variables}
    argv = [*shell, RANK_SH, sys.executable, "-u", "-c", code, "two words", "a'b\"c"]
    return subprocess.Popen(argv, env=env, stderr=subprocess.PIPE, start_new_session=True)


def code_of(process: subprocess.Popen[bytes]) -> int:
    process.communicate()
    return process.returncode


def read_log(run: RunDirectory, rank: int = 0) -> list[str]:
    return Path(run.rank_log(rank)).read_text().splitlines()


def failed(run: RunDirectory) -> list[str]:
    return os.listdir(ranks.failed_folder(run))


def test_arguments_output_and_code(shell: list[str], run: RunDirectory) -> None:
    code = "import sys; print(sys.argv[1:]); print('err', file=sys.stderr); sys.exit(5)"
    process = start(shell, run, code, RUNYARD_RANK="0", RUNYARD_WORLD_SIZE="2")
    assert process.communicate()[1] == b""
    assert process.returncode == 5
    host = os.uname().nodename
    header = f"rank 0 of 2 on {host}, node 0, local rank 0"
    assert read_log(run) == [header, "['two words', 'a\\'b\"c']", "err"]
    [rank] = ranks.read(run)
    assert (rank.host, rank.node, rank.pid, rank.code) == (host, 0, process.pid, 5)
    assert rank.started is not None
    assert rank.started <= (rank.failed or 0) <= time.time()
    assert failed(run) == ["0"]


def now_and_uptime() -> tuple[float, float]:
    """Both of the same moment."""
    while True:
        now = time.time()
        up_s = float(Path("/proc/uptime").read_text().split()[0])
        if time.time() - now < 0.005:
            return now, up_s


@pytest.mark.parametrize("of_this_boot", [True, False])
def test_times(shell: list[str], run: RunDirectory, of_this_boot: bool) -> None:
    """Of a start, and of an end that went well, by what the runner says of this machine's boot."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip() if of_this_boot else "other"
    begun, up_s = now_and_uptime()
    given = f"{boot} {int((begun - up_s) * 100) - 1}"
    code = "import os; print('RUNYARD_BOOTED' in os.environ)"
    process = start(shell, run, code, RUNYARD_RANK="0", RUNYARD_BOOTED=given)
    assert code_of(process) == 0
    [rank] = ranks.read(run)
    assert begun - 1.1 <= (rank.started or 0) <= (rank.ended or 0) <= time.time()
    if of_this_boot:  # where date has no fractions, the kernel's own count is one of seconds
        assert begun - 0.03 <= (rank.started or 0)
    assert read_log(run)[1] == "False"


VARIABLES = "import json, os; print(json.dumps(dict(os.environ)))"


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"PMI_RANK": "5", "PMI_SIZE": "6", "MPI_LOCALRANKID": "1", "MPI_LOCALNRANKS": "2"}, 1),
        ({"PMI_RANK": "5", "PMI_SIZE": "6"}, 2),
        ({"PMIX_RANK": "5", "RUNYARD_WORLD_SIZE": "6"}, 2),
        ({"SLURM_PROCID": "5", "SLURM_NTASKS": "6", "SLURM_LOCALID": "0"}, 2),
        # Of a starter that Slurm has started as one task.
        ({"PMI_RANK": "5", "PMI_SIZE": "6", "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, 2),
    ],
)
def test_a_rank_of_mpi_has_the_names_that_scripts_know(
    shell: list[str], run: RunDirectory, given: dict[str, str], place: int
) -> None:
    code_of(start(shell, run, VARIABLES, RUNYARD_PROCESSES_PER_NODE="3", **given))
    found = json.loads(read_log(run, 5)[1])
    size = given.get("MPI_LOCALNRANKS", "3")
    assert {name: found[name] for name in found if "RANK" in name or "SIZE" in name} == {
        **{name: value for name, value in given.items() if "RANK" in name or "SIZE" in name},
        "OMPI_COMM_WORLD_RANK": "5",
        "OMPI_COMM_WORLD_SIZE": "6",
        "OMPI_COMM_WORLD_LOCAL_RANK": str(place),
        "OMPI_COMM_WORLD_LOCAL_SIZE": size,
        "RUNYARD_RANK": "5",
        "RUNYARD_WORLD_SIZE": "6",
        "RUNYARD_LOCAL_RANK": str(place),
        "RUNYARD_LOCAL_SIZE": size,
    }
    assert found["RUNYARD_NODE_INDEX"] == "1"


def test_a_rank_of_mpi_has_its_own_place_in_slurms_words(
    shell: list[str], run: RunDirectory
) -> None:
    """Lightning and jax, for two, read their rank there; starters hand on what node 0 had."""
    of_node_0 = dict.fromkeys(("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID"), "0")
    given = {**of_node_0, "SLURMD_NODENAME": "n1", "SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"}
    for rank, node in ((1, "n1"), (3, os.uname().nodename.partition(".")[0])):
        variables = {"PMI_RANK": str(rank), "PMI_SIZE": "4", "RUNYARD_PROCESSES_PER_NODE": "2"}
        code_of(start(shell, run, VARIABLES, **variables, **given))
        found = json.loads(read_log(run, rank)[1])
        assert {name: found[name] for name in found if name.startswith("SLURM")} == {
            "SLURM_JOB_ID": "7",
            "SLURM_NTASKS": "4",
            "SLURM_PROCID": str(rank),
            "SLURM_LOCALID": "1",
            "SLURM_NODEID": str(rank // 2),
            "SLURMD_NODENAME": node,
        }


def test_a_process_of_the_runner_has_no_names_of_mpi(shell: list[str], run: RunDirectory) -> None:
    code_of(start(shell, run, VARIABLES, RUNYARD_RANK="0", RUNYARD_WORLD_SIZE="1"))
    assert not [name for name in json.loads(read_log(run)[1]) if name.startswith("OMPI")]


def test_a_program_that_a_signal_ends(shell: list[str], run: RunDirectory) -> None:
    process = start(shell, run, "import os; os.kill(os.getpid(), 11)", RUNYARD_RANK="0")
    assert code_of(process) == 139
    assert ranks.read(run)[0].code == 139
    assert len(read_log(run)) == 1  # no "Segmentation fault" of the shell


def test_sigint_is_heard(shell: list[str], run: RunDirectory) -> None:
    code = "import os, time; os.kill(os.getpid(), 2); time.sleep(60)"
    code_of(start(shell, run, code, RUNYARD_RANK="0"))
    assert read_log(run)[-1] == "KeyboardInterrupt"


def test_how_a_process_that_was_told_to_end_has_ended_is_recorded(
    shell: list[str], run: RunDirectory
) -> None:
    code = "import signal, sys, time\nsignal.signal(15, lambda *_: sys.exit(3))\nprint('on')\n"
    process = start(shell, run, code + "time.sleep(60)", RUNYARD_RANK="0", RUNYARD_RETRIES="5")
    runs.wait_for(lambda: os.path.exists(run.rank_log(0)) and "on" in read_log(run))
    os.killpg(process.pid, signal.SIGTERM)
    assert code_of(process) == 3
    assert ranks.read(run)[0].code == 3
    assert len(read_log(run)) == 2  # not started again


RETRIED = """
import os, sys
tries = len(open('{0}').read()) if os.path.exists('{0}') else 0
open('{0}', 'a').write('x')
sys.exit([3, 4, 0][tries])
"""


def test_what_fails_is_started_again(shell: list[str], run: RunDirectory, tmp_path: Path) -> None:
    code = RETRIED.format(tmp_path / "tries")
    process = start(shell, run, code, RUNYARD_RANK="0", RUNYARD_RETRIES="2")
    assert code_of(process) == 0
    assert read_log(run)[1:] == [
        "rank 0 ended with exit code 3: started again (1 of 2)",
        "rank 0 ended with exit code 4: started again (2 of 2)",
    ]
    [rank] = ranks.read(run)
    assert (rank.code, rank.failed) == (0, None)
    assert not failed(run)


def test_codes_after_which_nothing_is_started_again(
    shell: list[str], run: RunDirectory, tmp_path: Path
) -> None:
    code = RETRIED.format(tmp_path / "tries")
    given = {"RUNYARD_RETRIES": "9", "RUNYARD_TERMINAL_EXIT_CODES": "4 40"}
    assert code_of(start(shell, run, code, RUNYARD_RANK="0", **given)) == 4
    assert ranks.read(run)[0].code == 4


def test_a_log_that_cannot_be_written(shell: list[str], run: RunDirectory) -> None:
    os.makedirs(run.rank_log(0))
    process = start(shell, run, "print(1)", RUNYARD_RANK="0")
    _, said = process.communicate()
    assert process.returncode in (2, 125)
    assert b"std_log_process_0.txt" in said


def test_without_a_rank_nothing_is_started(shell: list[str], run: RunDirectory) -> None:
    process = start(shell, run, "print(1)")
    _, said = process.communicate()
    assert process.returncode == 125
    assert said.startswith(b"rank.sh: no variable says which rank this is: ")
