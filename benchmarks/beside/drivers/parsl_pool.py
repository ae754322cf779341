"""Parsl: many programs by two workers of this machine."""

import sys
from pathlib import Path
from typing import Any

import parsl
from parsl import bash_app
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

from benchmarks.beside.drivers.serving import clock, serve


@bash_app  # type: ignore[untyped-decorator]
def _run(python: str, script: str, stdout: str = "") -> str:
    return f"exec {python} {script}"


def work(count: int) -> dict[str, Any]:
    """Start so many and wait for all."""
    script, logs = str(Path("source/hello.py").absolute()), Path("logs").absolute()
    names = [str(logs / f"{number}.log") for number in range(count)]
    for name in names:
        Path(name).unlink(missing_ok=True)
    begun = clock()
    futures = [_run(sys.executable, script, stdout=name) for name in names]
    codes = [future.result() for future in futures]
    seconds = clock() - begun
    assert not any(codes), codes
    return {"seconds": seconds, "logs": [Path(name).read_text() for name in names]}


def main() -> None:
    """The executor is started before, and its processes end with this program."""
    provider = LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1)
    executor = HighThroughputExecutor(
        label="two", max_workers_per_node=2, address="127.0.0.1", provider=provider
    )
    with parsl.load(Config(executors=[executor], run_dir="runinfo", usage_tracking=0)):
        serve(work)


if __name__ == "__main__":
    main()
