"""Metaflow by its programming interface."""

from typing import Any

from metaflow import Runner

from benchmarks.beside.drivers.serving import clock, serve


def start() -> dict[str, Any]:
    """Run the flow, which prints in its first step, and wait."""
    begun = clock()
    with Runner("source/flow.py", show_output=False).run() as running:
        completed = clock()
        assert running.status == "successful", running.stderr
        return {"begun": begun, "completed": completed, "log": running.stdout}


if __name__ == "__main__":
    serve(start)
