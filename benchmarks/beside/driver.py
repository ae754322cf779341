"""A program of ``drivers/`` in some interpreter, asked for one sample after the other."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.beside.contender import Place

_ROOT = Path(__file__).parents[2]
_END_S = 30
LIMIT_S = 600
"""For one sample, or one command: a peer that hangs does not hold up the others for ever."""


def variables(**more: str) -> dict[str, str]:
    """Of every program that is measured: no other environment, nothing sent anywhere."""
    dropped = ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    quiet = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "RAY_USAGE_STATS_ENABLED": "0",
        "DO_NOT_TRACK": "1",
        "USERNAME": "bench",  # Metaflow wants one
    }
    return {**kept, **quiet, **more}


class Driver:
    """``ask(...)`` has the program take a sample and returns what it says."""

    def __init__(self, process: subprocess.Popen[str], errors: Path) -> None:
        self.process = process
        self._errors = errors

    def ask(self, **order: object) -> dict[str, Any]:
        """The answer to one order, which is one line.

        Raises RuntimeError, with the last lines of the program, if there is none in LIMIT_S.
        """
        assert self.process.stdin
        assert self.process.stdout
        try:
            print(json.dumps(order), file=self.process.stdin, flush=True)
            ready, _, _ = select.select([self.process.stdout], [], [], LIMIT_S)
            answer = self.process.stdout.readline() if ready else ""
        except BrokenPipeError:
            answer = ""
        if not answer:
            said = self._errors.read_text(errors="replace")[-3000:]
            raise RuntimeError(f"{self.process.args!r} gave no answer; it said:\n{said}")
        found: dict[str, Any] = json.loads(answer)
        return found


@contextmanager
def driver(place: Place, name: str, more: Mapping[str, str] | None = None) -> Iterator[Driver]:
    """``drivers/<name>.py`` in the interpreter of the place, in its folder, for the block."""
    errors = place.folder / f"{name}.stderr"
    activated = {"PATH": f"{place.python.parent}:{os.environ['PATH']}"}
    environment = variables(PYTHONPATH=str(_ROOT), **{**activated, **(more or {})})
    argv = [str(place.python), "-m", f"benchmarks.beside.drivers.{name}"]
    with open(errors, "w") as stderr:
        process = subprocess.Popen(
            argv,
            cwd=place.folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    try:
        yield Driver(process, errors)
    finally:
        assert process.stdin
        assert process.stdout
        with suppress(BrokenPipeError):  # it ended before it had read its last order
            process.stdin.close()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            print(f"{name} did not end by itself", file=sys.stderr)
            process.kill()
            process.wait()
        process.stdout.close()
