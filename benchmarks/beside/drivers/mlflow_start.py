"""An MLflow project in the interpreter that runs it."""

from pathlib import Path
from typing import Any

import mlflow

from benchmarks.beside.drivers.serving import clock, serve


def start() -> dict[str, Any]:
    """Synchronous: the other way starts one more ``mlflow run``, which takes longer."""
    begun = clock()
    mlflow.projects.run("source", env_manager="local")
    completed = clock()
    log = Path("source/hello.log").read_text()
    return {"begun": begun, "completed": completed, "log": log}


if __name__ == "__main__":
    serve(start)
