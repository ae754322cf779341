"""MLflow: projects that are started, and waited for when they have been told to end."""

from typing import Any

import mlflow

from benchmarks.beside.drivers.serving import serve

_runs: list[Any] = []


def answer(action: str, count: int = 0) -> dict[str, Any]:
    """``start`` so many, or ``wait`` for all."""
    for _ in range(count):
        _runs.append(
            mlflow.projects.run(
                "source", "sleep", parameters={}, env_manager="local", synchronous=False
            )
        )
    while action == "wait" and _runs:
        assert _runs.pop().wait()
    return {}


if __name__ == "__main__":
    serve(answer)
