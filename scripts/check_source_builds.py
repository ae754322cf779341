#!/usr/bin/env python3
"""Build the packages of source_builds.json for real, and use them. Minutes each, and a network.

Usage: ``.venv/bin/python scripts/check_source_builds.py [NAME ...]``; without names all of them.
Needs the compilers that the packages need, and the Python that CHECKS names. Everything is built
in temporary folders with an empty cache of uv.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple


class Check(NamedTuple):
    """What to install under which Python, what to run then in two ranks, and what each prints."""

    package: str
    python: str
    pip_packages: list[str]
    script: str
    expected: list[str]


def _horovod(module: str, total: str) -> str:
    return (
        f"import horovod.{module} as hvd\n"
        "hvd.init()\n"
        f"{total}"
        "print('rank', hvd.rank(), 'of', hvd.size(), 'sum', int(total), flush=True)\n"
    )


_RANKS = ["rank 0 of 2 sum 3", "rank 1 of 2 sum 3"]
CHECKS = {
    "horovod-torch": Check(
        "horovod",
        "3.6",
        ["horovod==0.18.1", "torch==1.4.0", "numpy", "mpich"],
        _horovod(
            "torch",
            "import torch\n"
            "total = hvd.allreduce(torch.tensor([hvd.rank() + 1.0]), average=False).item()\n",
        ),
        _RANKS,
    ),
    "horovod-tensorflow": Check(
        "horovod",
        "3.6",
        ["horovod==0.18.1", "tensorflow==1.13.1", "numpy<1.17", "mpich"],
        _horovod(
            "tensorflow",
            "import tensorflow as tf\n"
            "summed = hvd.allreduce(tf.constant([hvd.rank() + 1.0]), average=False)\n"
            "with tf.Session() as session:\n"
            "    total = session.run(summed)[0]\n",
        ),
        _RANKS,
    ),
    "mpi4py-chainermn": Check(
        "mpi4py",
        "3.6",
        ["mpi4py==3.0.0", "chainer==5.1.0", "numpy<1.20", "protobuf<3.21", "mpich"],
        "import chainermn\n"
        "world = chainermn.create_communicator('naive')\n"
        "total = world.allreduce_obj(world.rank + 1)\n"
        "print('rank', world.rank, 'of', world.size, 'sum', total, flush=True)\n",
        _RANKS,
    ),
}


def main(names: list[str]) -> int:
    """Return how many of the checks failed."""
    failed = 0
    for name in names or CHECKS:
        print(f"--- {name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="runyard-source-builds-") as folder:
            failed += not _passes(CHECKS[name], Path(folder))
    return failed


def _passes(check: Check, folder: Path) -> bool:
    os.environ["UV_CACHE_DIR"] = str(folder / "uv")
    os.environ["RUNYARD_CACHE_DIR"] = str(folder / "cache")
    from runyard.environments import CondaDependencies, Environment, resolve
    from runyard.environments.build import build

    environment = Environment(check.package)
    environment.python.conda_dependencies = CondaDependencies.create(
        python_version=check.python, pip_packages=check.pip_packages
    )
    result = build(resolve(environment, source_directory=folder))
    if not result["ok"]:
        return False
    programs = Path(result["python"]).parent
    script = folder / "check.py"
    script.write_text(check.script)
    command = [str(programs / "mpiexec"), "-n", "2", result["python"], str(script)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=120, check=False)
    print(done.stdout, end="", flush=True)
    return done.returncode == 0 and sorted(done.stdout.splitlines()) == check.expected


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
