"""MLflow with its SQLite store; BENCH_HOW is sync, async or batch."""

import os
import time
from collections.abc import Iterable, Sequence

import mlflow
from mlflow.entities import Metric

from benchmarks.beside.drivers.points import NAME, main, timed

_BATCH = 1000
"""The most that one call takes."""
_CALLS = int(os.environ.get("BENCH_CALLS", "0"))
mlflow.set_tracking_uri("sqlite:///mlflow.db")


def write(count: int) -> None:
    """Single calls: only the last BENCH_CALLS points, the others in batches before them."""
    how = os.environ["BENCH_HOW"]
    with mlflow.start_run():
        if how == "batch":
            batches = _Batches()
            timed(batches.log, count)
            batches.flush()
            return
        calls = min(count, _CALLS)
        _log_batches(range(calls, count))
        timed(lambda step, value: _log(step, value, how == "sync"), calls)
        if how == "async":
            mlflow.flush_async_logging()


def _log(step: int, value: float, synchronous: bool) -> None:
    mlflow.log_metric(NAME, value, step=step, synchronous=synchronous)


def _log_batches(steps: Iterable[int]) -> None:
    batches = _Batches()
    for step in steps:
        batches.log(step, 1.0 / (step + 1))
    batches.flush()


class _Batches:
    """What a script would write around ``MlflowClient.log_batch``."""

    def __init__(self) -> None:
        self._client = mlflow.MlflowClient()
        run = mlflow.active_run()
        assert run
        self._run = run.info.run_id
        self._kept: list[Metric] = []

    def log(self, step: int, value: float) -> None:
        self._kept.append(Metric(NAME, value, int(time.time() * 1000), step))
        if len(self._kept) == _BATCH:
            self.flush()

    def flush(self) -> None:
        if self._kept:
            self._client.log_batch(self._run, metrics=self._kept)
            self._kept = []


def read() -> Sequence[float]:
    """Of the newest run."""
    client = mlflow.MlflowClient()
    (run,) = client.search_runs(["0"], max_results=1)
    history = client.get_metric_history(run.info.run_id, NAME)
    return [metric.value for metric in history]


if __name__ == "__main__":
    main(write, read)
