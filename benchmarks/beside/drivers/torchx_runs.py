"""torchx: apps that are started, and waited for when they have been told to end."""

import sys
from typing import Any

from torchx.runner import get_runner
from torchx.specs import AppDef, Role

from benchmarks.beside.drivers.serving import serve

_runner = get_runner()
_handles: list[str] = []


def answer(action: str, count: int = 0) -> dict[str, Any]:
    """``start`` so many, or ``wait`` for all."""
    role = Role(name="script", image=".", entrypoint=sys.executable, args=["source/sleeper.py"])
    for _ in range(count):
        _handles.append(_runner.run(AppDef("bench", [role]), "local_cwd", {"log_dir": "logs"}))
    while action == "wait" and _handles:
        _runner.wait(_handles.pop(), wait_interval=0.1)
    return {}


if __name__ == "__main__":
    serve(answer)
