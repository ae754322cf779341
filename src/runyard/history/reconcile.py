"""Law *no run lies*: a run whose runner and processes are gone is never shown as Running.

Every open of a workspace looks at the runs that have not ended. A held lock is proof of life.
Where it is free, the run's target says whether the run is gone; whoever finds that takes the
lock, ends what processes are left, and writes the end. A run with a held lock is never ended, and
the run of another user (``owner.is_own``) is not acted upon: it is shown as NotResponding.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from runyard import _names
from runyard.errors import RunyardError
from runyard.history import unreadable
from runyard.history.targets import ComputeTarget, TargetState, load_target
from runyard.record import jsonl, owner, run_json, script
from runyard.record.events import EventLog, cancel_requested, read_state
from runyard.record.layout import RunDirectory
from runyard.record.states import Reason, Status

GRACE_S = 5.0
"""A run this young whose lock nobody has signed is left alone: its creator is about to."""

_SEE_ENDS_S = 1.0
"""How long a look at runs may take for runners that are about to write the ends of some."""

_SKEW_S = 60.0
"""By so much the clock of another machine may be ahead; one from later is of a clock set back."""

HANDLE = "handle.json"
"""What ``ComputeTarget.submit`` returned, written by submission."""
KEPT = "kept"
"""Key of a handle that its target has written itself, beside what it waited for."""

_warned: set[str] = set()


def reconcile(runs: Iterable[RunDirectory], now: Callable[[], float] = time.time) -> frozenset[str]:
    """End the runs that are lost; returns the paths of those that cannot be reached.

    ``runs`` have not ended, parents come before children. ``now``: seconds since 1970.
    """
    from runyard.history.entry import target_name  # 6 ms that a runner does not need

    silent: set[str] = set()
    at_targets: dict[tuple[str, str], list[RunDirectory]] = {}
    for run in runs:
        try:
            record = run_json.read(run)
            if _is_alive(run, record, now()) or _settle_copy(run):
                continue
            target = target_name(record)
            if (record.get("spec") or {}).get("relay"):
                if not owner.is_own(run.path) or not _names.load(
                    "runyard.data.relay.keeping:resume"
                )(run):
                    silent.add(run.path)
            elif target is not None:
                at_targets.setdefault((run.workspace.path, target), []).append(run)
            elif not _settle_own_runner(run, record):
                silent.add(run.path)
        except (OSError, ValueError, TypeError, AttributeError, ArithmeticError):
            silent.add(run.path)  # unreadable, nonsense, or in a folder that cannot be written
    for (_, name), group in at_targets.items():
        silent.update(_settle_at_target(name, group))
    return frozenset(silent)


def reconcile_run(run: RunDirectory, now: Callable[[], float] = time.time) -> bool:
    """End one run if it is lost, after its parent; returns whether it can be reached."""
    return run.path not in reconcile([*_unended_parent(run), run], now)


def _unended_parent(run: RunDirectory) -> list[RunDirectory]:
    try:
        parent = run_json.read(run).get("parent")
    except (OSError, ValueError):
        return []
    found = None if parent is None else _sibling(run, parent)
    return [found] if found is not None and not read_state(found).status.ended else []


def _sibling(run: RunDirectory, run_id: str) -> RunDirectory | None:
    found = run.workspace.run(run.experiment, run_id)
    return found if os.path.isfile(found.run_json) else None


def _is_alive(run: RunDirectory, record: dict[str, Any], now: float) -> bool:
    """Whether the lock alone shows that the run has, or is about to get, a runner.

    A lock nobody has signed is not probed while the run is young: a probe holds the lock for a
    moment, in which its creator would fail to take it.
    """
    last = owner.signature(run.lock)
    if not last:
        return -_SKEW_S < now - float(record.get("created", 0.0)) < GRACE_S
    try:
        return owner.is_held(run.lock)
    except OSError:  # no right to open it for writing
        return owner.is_alive(last) is True


def _settle_copy(run: RunDirectory) -> bool:
    """End a run that was copied while it was going on; False for one that is no copy."""
    original = original_of(run)
    return original is not None and end_lost(
        run,
        Reason.CANCELLED if cancel_requested(run) else Reason.RUNNER_LOST,
        f"A copy of {original}, made before that run had ended: nothing runs here.",
    )


def _settle_own_runner(run: RunDirectory, record: dict[str, Any]) -> bool:
    """A run that the process which started it supervises. False: it cannot be reached."""
    last = owner.signature(run.lock)
    if not last:
        return _settle_unstarted(run, record)
    alive = owner.is_alive(last)
    if alive is None:
        return False
    # Alive without its lock: a script that closed all its open files. It will end in time.
    return alive or end_lost(run, Reason.RUNNER_LOST, _never_completed(run, last))


def _settle_unstarted(run: RunDirectory, record: dict[str, Any]) -> bool:
    parent_id = record.get("parent")
    parent = _sibling(run, parent_id) if parent_id else None
    if parent is not None and not read_state(parent).status.ended:
        return True
    why = f"its parent {parent_id} ended" if parent_id else "the process that created it ended"
    return end_lost(run, Reason.CANCELLED, f"never started: {why} first")


def _never_completed(run: RunDirectory, last: dict[str, Any]) -> str:
    if unreadable.without_events(run):
        return f"The process that started this run ({_who(last)}) ended."
    return (
        f"The process that started this run ({_who(last)}) ended, and run.complete() was never "
        "called. Use `with run:`, or call complete() or fail() in a finally block."
    )


def _settle_at_target(name: str, runs: list[RunDirectory]) -> list[str]:
    """Ask the target about all its runs at once; returns the paths of those it does not know."""
    try:
        handles = [handle_of(run) for run in runs]
        target = load_target(name, runs[0].workspace, handles[0])
        states = target.poll(handles)
        if len(states) != len(runs):
            raise RunyardError(f"poll of {len(runs)} runs returned {len(states)} states")
    except Exception as error:  # a plug-in's: it must not keep anybody from reading history
        _warn_once(name, error)
        return [run.path for run in runs]
    silent = [
        run.path
        for run, state in zip(runs, states, strict=True)
        if not _settle(run, state, name, target)
    ]
    gone = [run for run, state in zip(runs, states, strict=True) if state is TargetState.GONE]
    _see_ends([run for run in gone if run.path not in silent])
    return silent


def _see_ends(runs: Iterable[RunDirectory]) -> None:
    """Give runners that were just started for scripts that have ended a moment to write the ends.

    So that who looks sees how a run ended, and need not look again.
    """
    deadline = time.monotonic() + _SEE_ENDS_S
    for run in runs:
        while not read_state(run).status.ended and script.read(run).code is not None:
            if time.monotonic() >= deadline:
                return
            time.sleep(0.005)


def _settle(run: RunDirectory, state: TargetState, name: str, target: ComputeTarget) -> bool:
    if state is not TargetState.GONE:
        return state is TargetState.ALIVE
    return settle_gone(run, name, target)


def settle_gone(run: RunDirectory, name: str, target: ComputeTarget) -> bool:
    """End a run whose target says that it is gone; False when that cannot be done."""
    if not owner.is_own(run.path):
        return False
    try:
        if cancel_requested(run):
            text = "Cancelled; the runner was gone before it could carry it out."
            return end_lost(run, Reason.CANCELLED, text, target)
        found = _why(run, target)
        reason, text = found or (Reason.RUNNER_LOST, _lost(run))
        return end_lost(run, reason, text, target)
    except Exception as error:
        _warn_once(name, error)
        return False


def _why(run: RunDirectory, target: ComputeTarget) -> tuple[Reason, str] | None:
    """Why a run is gone, where its target knows more than that."""
    ask = getattr(target, "why", None)
    return None if ask is None else ask(handle_of(run))


def keep(run: RunDirectory, handle: dict[str, Any]) -> None:
    """Write the handle of a run, which is on its way and must not be reported as not started."""
    try:
        jsonl.write_once(run.join(HANDLE), handle, sync=False)
    except OSError as error:
        import logging  # 5 ms of every runner that starts who is next

        text = "run %s: %s could not be written: %s"
        logging.getLogger(__name__).warning(text, run.id, HANDLE, error)


def handle_of(run: RunDirectory) -> dict[str, Any]:
    """What the target calls the run; ``run`` in it is where the directory lies now."""
    return {**_kept_handle(run), "run": run.path}


def original_of(run: RunDirectory) -> str | None:
    """The run directory this one was copied of (``cp -r``) while the run was going on; else None.

    The target and the processes belong to the original, which nothing done here may touch. One
    that was moved, or is seen under another path, is the same folder or the only one there is.
    """
    place = _kept_handle(run).get("run") or owner.signature(run.lock).get("run")
    if not isinstance(place, str) or place == run.path or not os.path.isdir(place):
        return None
    return None if os.path.samefile(place, run.path) else place


def _kept_handle(run: RunDirectory) -> dict[str, Any]:
    try:
        return jsonl.read_json(run.join(HANDLE))
    except (FileNotFoundError, ValueError):
        return {}


def _lost(run: RunDirectory) -> str:
    last = owner.signature(run.lock)
    if not last and os.path.exists(run.lock) and os.path.getsize(run.lock):
        return f"{run.lock} is damaged: it does not say who the runner was, and nobody holds it."
    if "ticket" in last or (not last and read_state(run).status is Status.QUEUED):
        return "Its place in the queue is gone, so no runner was started."
    if not last:
        return "The process that submitted this run ended before a runner was started."
    return f"The runner ({_who(last)}) is gone and has not written how the run ended."


def _who(last: dict[str, Any]) -> str:
    text = f"process {last.get('pid')} on {last.get('host')}"
    same_boot = last.get("boot") == owner.identity().get("boot")
    return text if same_boot else f"{text}, which has restarted since"


def end_lost(
    run: RunDirectory, reason: Reason, message: str, target: ComputeTarget | None = None
) -> bool:
    """Take the lock and write the end; True also when somebody else is alive or was faster.

    A run with which another runner can go on is not ended: that one is started.

    What ``target.reap`` raises is raised: then the run has not ended. False for a run with a
    damaged event: that may be its end, so none is added to it; and for one of another user.
    """
    if not owner.is_own(run.path):
        return False
    ownership = owner.take(run.lock)
    if ownership is None:
        return True
    try:
        problems: list[str] = []
        if read_state(run, problems).status.ended:
            return True
        if problems:
            _warn(unreadable.advice(run, problems[0]))
            return False
        if target is not None:
            why = _adopt(run, ownership, target)
            if not why:
                return True
            if why != NOTHING and reason is Reason.RUNNER_LOST:
                message = f"{message} {why}"
            target.reap(run)
        if not unreadable.finish_end(run):
            more = unreadable.without_events(run) if reason is Reason.RUNNER_LOST else ""
            write_end(run, reason, f"{message} {more}".rstrip())
        return True
    finally:
        ownership.release()


NOTHING = "-"
"""What a target says of a lost run with which no runner could go on."""


def _adopt(run: RunDirectory, ownership: owner.Ownership, target: ComputeTarget) -> str:
    """Have another runner go on with the run, which inherits the lock; '' or why not."""
    ask = getattr(target, "adopt", None)
    return NOTHING if ask is None else str(ask(run, ownership))


def write_end(run: RunDirectory, reason: Reason, message: str) -> None:
    """Write the end of a run whose lock this process holds. Raises OSError."""
    log = EventLog(run)
    hint = reason.hint
    if reason is Reason.LAUNCH_FAILED and not os.path.exists(run.runner_log):
        hint = "No runner has begun, so the script was not started."  # there is no log of one
    try:
        error = {} if reason is Reason.CANCELLED else {"error": {"message": message}}
        log.end(reason, message=message, **({"hint": hint} if hint else {}), **error)
    finally:
        log.close()


def _warn_once(name: str, error: Exception) -> None:
    text = (
        f"compute target {name!r} did not say how its runs are; they are shown as NotResponding: "
        f"{type(error).__name__}: {error}"
    )
    _warn(text)


def _warn(text: str) -> None:
    if text not in _warned:
        import warnings

        _warned.add(text)
        warnings.warn(text, stacklevel=2)
