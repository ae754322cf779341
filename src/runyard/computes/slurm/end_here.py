"""``python end_here.py RUN_DIRECTORY GRACE_S CODE``: ends what a run has left on this node.

Ranks of MPI whose daemon has ended, with this code: the runner is on another node of the job. The
step lasts until this is done, since Slurm kills at once what a step leaves.
"""

import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3)))

from runyard.computes import processes


def main(run_path: str, grace_s: float) -> None:
    """TERM, ``grace_s`` seconds, then KILL."""
    processes.end(lambda: processes.of_run_here(run_path), grace_s)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
    sys.exit(int(sys.argv[3]))
