"""The environment of a run: found built, or built in a process under supervision."""

from __future__ import annotations

import os
import sys

from runyard.computes import channels
from runyard.environments import cache
from runyard.record import jsonl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.containers.engine import Engine
    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership
    from runyard.runner.ending import End
    from runyard.runner.supervision import Outcome, Supervisor


def reuse(run: RunDirectory, spec: dict[str, Any]) -> dict[str, Any] | None:
    """The environment when it is there already; None when it must be built."""
    wanted = spec["environment"]
    engine = None
    if wanted.get("image") and channels.containers():
        found = _on_its_nodes(wanted)
    elif wanted["kind"] == "user_managed" and not wanted.get("image"):
        if not os.access(wanted["interpreter"], os.X_OK):
            return None  # gone since it was planned: the builder says so
        found = _user_managed(wanted)
    else:
        marker = cache.used(wanted["key"])
        if marker is None:
            return None
        found = {"prefix": cache.prefix(wanted["key"]), **marker}
        if "image" in found:
            engine = _engine(found)
            if engine is None:
                return None
    _record(run, wanted, found)
    return {**found, "engine": engine, "submitter_python": sys.executable}


def _engine(found: dict[str, Any]) -> Engine | None:
    """The engine that has the image; it may have been removed since the environment was built."""
    from runyard.environments import built_images

    return built_images.engine_with(found)


def _on_its_nodes(wanted: dict[str, Any]) -> dict[str, Any]:
    """An image that the nodes of a cluster fetch by themselves; its Python is seen there."""
    name = wanted["image"]["name"]
    image = {"engine": channels.containers(), "tag": name, "id": name}
    return {"prefix": "", "python": wanted["interpreter"], "python_version": "", "image": image}


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
    with open(run.environment_log, "a", encoding="utf-8", errors="backslashreplace") as log:
        place = f"the image {found['image']['tag']}" if "image" in found else found["prefix"]
        log.write(f"environment {wanted['name']}: using {place}\n")


def record_packages(run: RunDirectory, spec: dict[str, Any], prefix: dict[str, Any]) -> None:
    """Add what is installed for the user's own interpreter to environment.json.

    While the script runs, which need not wait for that. Does nothing for other environments.
    """
    if spec["environment"]["kind"] != "user_managed" or spec.get("container") is not None:
        return
    from runyard.environments import interpreter_packages

    variables = {**os.environ, **spec["environment_variables"]}
    lock = interpreter_packages.freeze(prefix["python"], prefix["python_version"], variables)
    written = jsonl.read_json(run.environment_json)
    jsonl.write_once(run.environment_json, {**written, "lock": lock}, sync=False)


def build(
    run: RunDirectory, wanted: dict[str, Any], supervisor: Supervisor, ownership: Ownership
) -> dict[str, Any] | End:
    """Build it in a process of its own, whose output is the run's first log."""
    # Both the builder and the start of the script need it: imported once, before the fork.
    import subprocess  # noqa: F401

    from runyard.record.states import Reason
    from runyard.runner import ending
    from runyard.runner.forked import forked
    from runyard.runner.tree import ProcessTree

    outcome = supervisor.watch(ProcessTree(forked(lambda: _build(run, wanted, ownership)), run))
    if outcome.cause is not None:
        return ending.ended_by_runner(outcome)
    try:
        result = jsonl.read_json(run.environment_json)
    except (FileNotFoundError, ValueError):
        result = {"ok": False, "error": _builder_died(outcome)}
    if not result.get("ok"):
        return ending.End(Reason.ENVIRONMENT_FAILED, result["error"])
    cache.used(wanted["key"])
    return {**result, "submitter_python": sys.executable}


def _builder_died(outcome: Outcome) -> dict[str, Any]:
    how = f"was killed by signal {-outcome.code}" if outcome.code < 0 else "could not finish"
    hint = "See the end of system_logs/environment.txt and system_logs/runner.txt"
    if outcome.out_of_memory:
        hint = "The machine has run out of memory: build when less else runs there"
    message = f"the builder of the environment {how}"
    return {"type": "killed" if outcome.code < 0 else "failed", "message": message, "hint": hint}


def _build(run: RunDirectory, wanted: dict[str, Any], ownership: Ownership) -> None:
    ownership.release()  # else the run would look alive while only its builder is
    log = os.open(run.environment_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    # Names of packages and folders may be anything, whatever the locale.
    sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    from types import SimpleNamespace

    from runyard.environments.build import build as build_environment

    spec: Any = SimpleNamespace(**wanted)  # EnvironmentSpec itself would cost 15 ms of msgspec
    jsonl.write_once(run.environment_json, build_environment(spec), sync=False)
