"""Run a command beside a Slurm cluster of three nodes.

    python -m tests.with_slurm [--accounting] COMMAND...

For the pages of docs/ that run on a cluster, and for trying things by hand:
``python -m tests.with_slurm bash``.
"""

import os
import subprocess
import sys

from tests.slurm_cluster import cluster

_ACCOUNTING = "--accounting"


def main(command: list[str]) -> int:
    accounting = command[:1] == [_ACCOUNTING]
    with cluster(accounting) as running:
        variables = {**os.environ, **running.environment}
        return subprocess.run(command[accounting:], env=variables, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
