"""``python tell_here.py RUN_DIRECTORY [NODE PID]``: tells all of a run on this node to end, once.

``scancel --signal=TERM`` cannot do so: where Slurm tracks processes by cgroups it signals none but
the children of slurmstepd, and elsewhere also what mounts the image of a container. ``NODE PID``:
where the runner is, and a process above it; what is below that one the runner tells by itself.
"""

import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3)))

from runyard.computes import processes


def main(run_path: str, node: str = "", pid: str = "0") -> None:
    """TERM, to whatever runs now: what a process starts in order to end well is left alone."""
    told = {int(pid), *processes.descendants(int(pid))} if node == _name() else set()
    processes.tell(set(processes.of_run_here(run_path)) - told)


def _name() -> str:
    return os.environ.get("SLURMD_NODENAME", "")


if __name__ == "__main__":
    main(*sys.argv[1:])
