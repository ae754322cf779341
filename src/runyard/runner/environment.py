"""The environment of a run: found built, or built by a worker process under supervision."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from runyard.environments import cache, worker
from runyard.record import jsonl
from runyard.record.states import Reason
from runyard.runner import ending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.record.layout import RunDirectory
    from runyard.runner.supervision import Supervisor


def reuse(run: RunDirectory, spec: dict[str, Any]) -> dict[str, Any] | None:
    """The environment when it is there already; None when it must be built."""
    wanted = spec["environment"]
    if wanted["kind"] == "user_managed":
        found = _user_managed(wanted)
    else:
        marker = cache.built(wanted["key"])
        if marker is None:
            return None
        found = {"prefix": cache.prefix(wanted["key"]), **marker}
    _record(run, wanted, found)
    return {**found, "submitter_python": sys.executable}


def _user_managed(wanted: dict[str, Any]) -> dict[str, Any]:
    """The user's own interpreter: looked at when the run was planned, nothing is installed."""
    python = wanted["interpreter"]
    return {
        "prefix": os.path.dirname(os.path.dirname(python)),
        "python": python,
        "python_version": wanted["python_version"],
    }


def _record(run: RunDirectory, wanted: dict[str, Any], found: dict[str, Any]) -> None:
    body = {"kind": wanted["kind"], "key": wanted["key"], "reused": True, **found}
    jsonl.write_once(run.environment_json, body, sync=False)
    with open(run.environment_log, "a") as log:
        log.write(f"environment {wanted['name']}: using {found['prefix']}\n")


def build(run: RunDirectory, supervisor: Supervisor) -> dict[str, Any] | ending.End:
    """Build it in a worker process whose output is the run's first log."""
    wanted = run.join(".environment-spec.json")
    outcome = supervisor.watch(_start_worker(run, wanted))
    os.unlink(wanted)
    if outcome.cause is not None:
        return ending.ended_by_runner(outcome)
    try:
        result = jsonl.read_json(run.environment_json)
    except (FileNotFoundError, ValueError):
        result = {"ok": False, "error": {"message": _worker_died(outcome.code)}}
    if not result.get("ok"):
        return ending.End(Reason.ENVIRONMENT_FAILED, result["error"])
    return {**result, "submitter_python": sys.executable}


def _worker_died(code: int) -> str:
    return f"the environment builder ended with code {code} before it was done"


def _start_worker(run: RunDirectory, wanted: str) -> subprocess.Popen[bytes]:
    with open(wanted, "w") as stream:
        json.dump(jsonl.read_json(run.run_json)["spec"]["environment"], stream)
    with open(run.environment_log, "ab") as log:
        return subprocess.Popen(
            worker.command(wanted, run.environment_json),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=run.path,
            start_new_session=True,
        )
