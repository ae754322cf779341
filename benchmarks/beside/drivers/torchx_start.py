"""torchx with its scheduler local_cwd."""

import sys
from typing import Any

from torchx.runner import get_runner
from torchx.specs import AppDef, Role

from benchmarks.beside.drivers.serving import clock, serve

_runner = get_runner()


def start() -> dict[str, Any]:
    """Run the script in the folder source, and wait, asking every 5 ms."""
    role = Role(name="script", image="source", entrypoint=sys.executable, args=["source/hello.py"])
    begun = clock()
    handle = _runner.run(AppDef("bench", [role]), "local_cwd", {"log_dir": "logs"})
    submitted = clock()
    status = _runner.wait(handle, wait_interval=0.005)
    completed = clock()
    assert status, "there is no such job any more"
    assert status.state.name == "SUCCEEDED", status
    log = "".join(_runner.log_lines(handle, "script"))
    return {"begun": begun, "submitted": submitted, "completed": completed, "log": log}


if __name__ == "__main__":
    serve(start)
