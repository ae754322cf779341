"""``get_details()`` from the files of a run (spec 12.6)."""

import io
import time

from runyard.record import regular
from runyard.record.states import Reason, Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Optional

    from runyard.record.events import State
    from runyard.record.layout import RunDirectory
    from runyard.record.notes import Notes

_ERROR_KEYS = ("type", "package", "location", "traceback", "log_tail")
_CHUNK_CHARS = 1 << 20
_DETAIL_KEYS = ("exit_code", "signal", "rank", "node")


def details(
    run_id: str,
    record: "Mapping[str, Any]",
    state: "State",
    notes: "Notes",
    log_files: "Dict[str, str]",
) -> "Dict[str, Any]":
    """The details of a run; ``record`` is its run.json, ``log_files`` name → path."""
    found: "Dict[str, Any]" = {
        "runId": run_id,
        "target": _target(record),
        "status": state.status.value,
    }
    if state.started is not None:
        found["startTimeUtc"] = iso_time(state.started)
    if state.ended is not None:
        found["endTimeUtc"] = iso_time(state.ended)
    found["services"] = {}
    notices = record.get("notices") or []
    found["warnings"] = [{"source": "runyard", "message": text} for text in notices]
    if state.status is Status.FAILED:
        found["error"] = error(state, notes)
    found["properties"] = properties(record, notes)
    found["inputDatasets"] = []
    found["outputDatasets"] = []
    found["runDefinition"] = record.get("run_configuration")
    found["logFiles"] = log_files
    found["submittedBy"] = record.get("user")
    return found


def distribution(run: "RunDirectory", record: "Mapping[str, Any]") -> "Dict[str, Any]":
    """The processes of a distributed run, of others {}: a key that SDK v1 has not.

    ``exitCode``: None while a process runs, and where it could not be recorded.
    """
    spec: "Mapping[str, Any]" = record.get("spec") or {}
    if not spec.get("distribution"):
        return {}
    from runyard.record import ranks

    found = {
        "launcher": spec["launcher"],
        "nodeCount": spec["node_count"],
        "processCountPerNode": spec["processes_per_node"],
        "processCount": spec["distribution"]["process_count"],
        "ranks": [
            {"rank": rank.number, "node": rank.node, "host": rank.host, "exitCode": rank.code}
            for rank in ranks.read(run)
        ],
    }
    return {"distribution": found}


def _target(record: "Mapping[str, Any]") -> str:
    spec: "Mapping[str, Any]" = record.get("spec") or {}
    return str(record.get("target") or spec.get("target") or "local")


def iso_time(seconds: float) -> str:
    """Seconds since 1970 as ``2026-01-31T23:59:59.123456Z``."""
    micros = int(round(seconds * 1000000))
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(micros // 1000000))
    return "{}.{:06d}Z".format(text, micros % 1000000)


def properties(record: "Mapping[str, Any]", notes: "Notes") -> "Dict[str, str]":
    """The properties set by the user, and those of the snapshot and of git."""
    found: "Dict[str, str]" = {}
    if record.get("snapshot"):
        found["ContentSnapshotId"] = str(record["snapshot"])
    found.update(record.get("git") or {})
    found.update(notes.properties)
    return found


def error(state: "State", notes: "Notes") -> "Dict[str, Any]":
    """Why a run failed: the error of its end, else what the script told by ``run.fail()``."""
    cause: "Dict[str, Any]" = dict(state.detail.get("error") or {})
    told = notes.errors[-1] if notes.errors else {}
    reason = state.reason or Reason.RUNNER_LOST
    found: "Dict[str, Any]" = {
        "code": cause.get("code") or told.get("code") or "UserError",
        "message": _message(reason, state.detail, cause, told),
        "reason": reason.value,
    }
    for key in _ERROR_KEYS:
        value = cause.get(key, told.get(key))
        if value is not None:
            found[key] = value
    found.update((key, state.detail[key]) for key in _DETAIL_KEYS if key in state.detail)
    found["hint"] = state.detail.get("hint") or reason.hint
    if found.get("traceback"):
        found["debugInfo"] = {
            "type": found.get("type"),
            "message": found["message"],
            "stackTrace": found["traceback"],
        }
    return {"error": found}


def _message(
    reason: Reason,
    detail: "Mapping[str, Any]",
    cause: "Mapping[str, Any]",
    told: "Mapping[str, Any]",
) -> str:
    if told.get("message") and not cause.get("type"):
        return str(told["message"])
    text = cause.get("message") or detail.get("message")
    if text is None:
        return "the run ended: " + reason.value.replace("_", " ")
    if reason is Reason.SCRIPT_EXCEPTION and cause.get("type"):
        found = str(text)
        return found if found.startswith(_FAILED) else failed_with(str(cause["type"]), found)
    return str(text)


_FAILED = "User program failed with "


def failed_with(kind: str, text: str) -> str:
    """An exception in the words of SDK v1, which people search their logs for."""
    return "{}{}: {}".format(_FAILED, kind, text) if text else _FAILED + kind


def with_contents(log_files: "Mapping[str, str]") -> "Dict[str, str]":
    """Name → path as name → content."""
    found = {}
    for name, path in log_files.items():
        with io.TextIOWrapper(regular.open_to_read(path), "utf-8", "replace") as stream:
            found[name] = stream.read()
    return found


def print_log(path: str) -> None:
    """Print a log of any length, a little of it at a time."""
    with open(path, encoding="utf-8", errors="replace") as stream:
        for text in iter(lambda: stream.read(_CHUNK_CHARS), ""):
            print(text, end="")
    print()


def summary(state: "State") -> "Optional[str]":
    """One line on why a run ended; None while it has not."""
    if state.reason is None:
        return None
    error = state.detail.get("error") or {}
    message = str(error.get("message") or "").strip()
    if message.startswith(_FAILED):
        message = message[len(_FAILED) :]
    elif state.reason is Reason.SCRIPT_EXCEPTION and error.get("type"):
        message = failed_with(str(error["type"]), message)[len(_FAILED) :]
    lines: "List[str]" = message.splitlines()
    text = state.reason.value.replace("_", " ")
    return "{}: {}".format(text, lines[-1]) if lines else text
