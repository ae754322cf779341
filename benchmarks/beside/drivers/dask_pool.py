"""Dask: many programs by two worker processes of this machine."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster

from benchmarks.beside.drivers.serving import clock, serve

_client: Any = None


def _run(argv: list[str], log: str) -> int:
    with open(log, "w") as output:
        return subprocess.run(argv, stdout=output).returncode


def work(count: int) -> dict[str, Any]:
    """Start so many and wait for all."""
    logs = [str(Path("logs", f"{number}.log").absolute()) for number in range(count)]
    argv = [sys.executable, str(Path("source/hello.py").absolute())]
    begun = clock()
    futures = _client.map(lambda log: _run(argv, log), logs, pure=False)
    codes = _client.gather(futures)
    seconds = clock() - begun
    assert not any(codes), codes
    return {"seconds": seconds, "logs": [Path(log).read_text() for log in logs]}


def main() -> None:
    """The cluster is started before, and its processes end with this program."""
    global _client
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as _client,
    ):
        serve(work)


if __name__ == "__main__":
    main()
