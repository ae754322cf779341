"""MLflow: search_runs, and one run by its id; and a store filled by SQL."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import mlflow
from mlflow.entities import Run, ViewType

from benchmarks.beside.drivers.serving import clock, serve

_PAGE = 50_000
"""The most that it allows."""
_EXPERIMENTS = 4
_CREATED = 1_700_000_000
_client = mlflow.MlflowClient("sqlite:///mlflow.db")


def answer(what: str, run_id: str = "", count: int = 0) -> dict[str, Any]:
    """How long it took, and what was found."""
    if what == "make":
        return {"first": _make(count)}
    begun = clock()
    if what == "open":
        run = _client.get_run(run_id)
        found = [run.info.status, run.data.tags["lr"], *run.data.metrics]
    else:
        found = [run.info.run_id for run in _search(what) if run.info.status]
    return {"seconds": clock() - begun, "count": len(found), "first": found[:3]}


def _search(what: str) -> Iterator[Run]:
    experiments = [str(number) for number in range(1, _EXPERIMENTS + 1)]
    text = "attributes.status = 'FAILED' and tags.lr = '0.1'" if what == "filtered" else ""
    size, token = 20 if what == "newest" else _PAGE, None
    while True:
        page = _client.search_runs(
            experiments, text, ViewType.ACTIVE_ONLY, size, ["start_time DESC"], token
        )
        yield from page
        token = page.token
        if what == "newest" or not token:
            return


def _make(count: int) -> list[str]:
    """Rows as log_metric, set_tag and end_run leave them; through its interface it takes hours."""
    for number in range(_EXPERIMENTS):
        _client.create_experiment(f"experiment-{number}")
    ids = [f"{number:032x}" for number in range(count)]
    with sqlite3.connect("mlflow.db") as db:
        db.executemany(
            "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id,"
            " status, start_time, end_time, source_version, lifecycle_stage, artifact_uri,"
            " experiment_id) VALUES (?, ?, 'LOCAL', '', '', 'bench', ?, ?, ?, '', 'active', ?, ?)",
            (_run(number, run_id) for number, run_id in enumerate(ids)),
        )
        db.executemany(
            "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)",
            (tag for number, run_id in enumerate(ids) for tag in _tags(number, run_id)),
        )
        for table in ("metrics", "latest_metrics"):
            db.executemany(
                f"INSERT INTO {table} (key, value, timestamp, run_uuid, step, is_nan)"
                " VALUES ('loss', 0.5, ?, ?, 0, 0)",
                ((_created_ms(number), run_id) for number, run_id in enumerate(ids)),
            )
        db.execute("ANALYZE")
    db.close()
    return ids[-1:]


def _run(number: int, run_id: str) -> tuple[str, str, str, int, int, str, int]:
    status = "FAILED" if number % 10 == 0 else "FINISHED"
    begun = _created_ms(number)
    artifacts = f"mlruns/{number % _EXPERIMENTS + 1}/{run_id}/artifacts"
    return run_id, f"run-{number}", status, begun, begun + 49_000, artifacts, _experiment(number)


def _experiment(number: int) -> int:
    return number % _EXPERIMENTS + 1


def _tags(number: int, run_id: str) -> Iterator[tuple[str, str, str]]:
    learning_rate = ("0.1", "0.01", "0.001")[number % 3]
    for key, value in (
        ("lr", learning_rate),
        ("model", "resnet"),
        ("epoch", "9"),
        ("mlflow.user", "bench"),
        ("mlflow.runName", f"run-{number}"),
        ("mlflow.source.type", "LOCAL"),
    ):
        yield key, value, run_id


def _created_ms(number: int) -> int:
    return (_CREATED + number * 60) * 1000


if __name__ == "__main__":
    serve(answer)
