"""How the processes of a run, on all nodes of its job, are told to end."""

from __future__ import annotations

import os
import shlex
import sys

from runyard.computes.slurm.commands import Slurm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

TELL_HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tell_here.py")


def text(run_path: str, srun: Sequence[str]) -> str:
    """Shell text for the job this process is in, by one more step. ``srun``: how steps start.

    Where no step can be started, Slurm tells them itself, as far as it does.
    """
    given = os.environ
    nodes = given.get("SLURM_JOB_NUM_NODES") or given.get("SLURM_NNODES") or "1"
    here = given.get("SLURMD_NODENAME", ""), given.get("SLURM_TASK_PID") or str(os.getpid())
    told = [
        *srun,
        f"--nodes={nodes}",
        f"--ntasks={nodes}",
        "--ntasks-per-node=1",
        "--chdir=/",
        "--input=none",
        *(sys.executable, "-I", "-S", TELL_HERE, run_path, *here),
    ]
    scancel = Slurm().find("scancel"), "--quiet", "--signal=TERM", given.get("SLURM_JOB_ID", "")
    return f"{shlex.join(told)} 2>/dev/null || {shlex.join(scancel)}"
