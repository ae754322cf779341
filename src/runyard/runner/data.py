"""The data of a run: brought to its places before the script starts, taken back after its end.

Only imported by runs that have data. What takes time, or packages, is done in forks.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

from runyard.data import links, staged, staging
from runyard.data.places import places
from runyard.record.states import Reason
from runyard.runner import ending, said
from runyard.runner.forked import forked
from runyard.runner.tree import ProcessTree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn, TextIO

    from runyard.data.places import Place
    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership
    from runyard.runner.ending import End
    from runyard.runner.supervision import Outcome, Supervisor

GRACE_VARIABLE = "AZUREML_RUN_KILL_SIGNAL_TIMEOUT_SEC"
"""Seconds that what a run leaves may take to be stored when it was ended, or is at its limit."""
_GRACE_S = 300.0
_SHUTDOWN_GRACE_S = 30.0
"""The machine goes down: systemd kills after 90."""


def used(spec: dict[str, Any]) -> list[str]:
    """The names of all that a run reads and leaves."""
    kinds = ("data", "datasets", "outputs")
    return [str(item["name"]) for kind in kinds for item in spec.get(kind) or ()]


def stage(
    run: RunDirectory, spec: dict[str, Any], supervisor: Supervisor, ownership: Ownership
) -> list[Place] | End:
    """Bring all data to its places, in a process that a cancel can end.

    Each place stands in system_logs/data.txt, and in the run's log before the script's own lines.
    """
    found = places(run, spec)
    try:
        links.hold(found)
    except OSError as error:
        return ending.End(Reason.DATA_FAILED, ending.error_detail(error))
    if all(place.kind == "reference" and place.is_itself for place in found):
        end = _mounted(run, found)
    else:
        end = _brought(run, found, supervisor, ownership)
    if end is not None:
        tidy(run, found)
        return end
    with open(run.std_log, "a", encoding="utf-8", errors="surrogateescape") as log:
        log.writelines(f"data: {place}\n" for place in found)
    return found


def _mounted(run: RunDirectory, found: list[Place]) -> End | None:
    """What lies on this machine is where it is: nothing that somebody might want to cancel."""
    with open(run.data_log, "a", encoding="utf-8", errors="surrogateescape") as log:
        try:
            staging.stage(run, found, log)
        except Exception as error:
            log.write(f"failed: {error}\n")
            return ending.End(Reason.DATA_FAILED, ending.error_detail(error))
    return None


def _brought(
    run: RunDirectory, found: list[Place], supervisor: Supervisor, ownership: Ownership
) -> End | None:
    outcome = supervisor.watch(_child(run, lambda: _stage(run, found, ownership)))
    told = staged.read(run)
    staged.apply(found, told)
    failed = _failed(outcome, told, "staged")
    if failed is None and any(place.is_fuse for place in found):
        from runyard.runner import fuse

        return fuse.mount(run, found, ownership)
    return failed


def _child(run: RunDirectory, action: Callable[[], None]) -> ProcessTree:
    return ProcessTree(forked(action), run)


def _stage(run: RunDirectory, found: list[Place], ownership: Ownership) -> None:
    ownership.release()  # else the run would look alive while only its data is being copied
    with _reporting(run, found) as log:
        staging.stage(run, found, log)


@contextlib.contextmanager
def _reporting(run: RunDirectory, found: list[Place]) -> Iterator[TextIO]:
    """In a child: its log; in data.json what it found out of the places, and why it failed."""
    signal.signal(signal.SIGTERM, _leave)
    if any(place.kind != "reference" or place.is_remote for place in found):
        _add_site_packages()
    failed = None
    with open(run.data_log, "a", encoding="utf-8", errors="surrogateescape") as log:
        try:
            yield log
        except Exception as error:
            failed = ending.error_detail(error)
            log.write(f"failed: {error}\n")
            raise
        finally:
            staged.write(run, found, failed)


def _add_site_packages() -> None:
    """Stores of objects, and datasets, need packages; a runner is started without them."""
    if sys.flags.no_site:
        import site

        site.main()


def _leave(*_: object) -> NoReturn:
    """End by an exception, so that a half-written file is removed."""
    raise SystemExit(1)


def _failed(outcome: Outcome, told: dict[str, Any], what: str) -> End | None:
    """The end that a child brings about; None when all went well."""
    if outcome.cause is not None:
        return ending.ended_by_runner(outcome)
    if not outcome.code:
        return None
    why = "its process was killed"
    if outcome.out_of_memory:
        why = "memory ran out"
    elif outcome.code > 0 and not told:
        why = "and why could not be written to the run's folder, whose disk may be full"
    killed = {"type": "killed", "message": f"the data of the run could not be {what}: {why}"}
    return ending.End(Reason.DATA_FAILED, told.get("error") or killed)


def collect(
    run: RunDirectory,
    found: list[Place],
    end: End,
    supervisor: Supervisor,
    ownership: Ownership,
    *,
    patience_s: float | None,
    since_ns: int | None = None,
) -> End:
    """Store what the script left, however it ended; returns the end of the run.

    Ended by a cancel that comes now, or has come since ``since_ns``, and after ``patience_s``. What
    was not stored then stays in the run directory.
    """
    from runyard.data import collecting

    completed = end.reason is Reason.COMPLETED
    if not collecting.has_work(found, completed=completed):
        return end
    with contextlib.suppress(FileNotFoundError):
        os.unlink(run.data_json)
    supervisor.heed_only_new_cancels(since_ns)
    child = _child(run, lambda: _collect(run, found, completed, ownership))
    outcome = supervisor.watch(child, patience_s)
    failed = _failed(outcome, staged.read(run), "stored")
    if failed is None:
        return end
    if failed.reason is Reason.TIME_LIMIT:
        failed.error = {"message": f"storing what the script left took over {patience_s:.0f} s"}
    said.say(f"what the script left was not all stored: {failed.reason.value} {failed.error}")
    if completed:
        return ending.End(failed.reason, failed.error, **end.detail)
    return end


def _collect(run: RunDirectory, found: list[Place], completed: bool, ownership: Ownership) -> None:
    ownership.release()
    from runyard.data import collecting

    with _reporting(run, found) as log:
        collecting.collect(run, found, log, completed=completed)


def patience_s(spec: dict[str, Any], end: End, seconds: float) -> float | None:
    """How long storing may take after a script that has run for so many seconds; None: no limit.

    A run that was ended, or is at its time limit, has 300 s for it as SDK v1 gave (spec 9.5).
    """
    try:
        grace_s = float((spec.get("environment_variables") or {}).get(GRACE_VARIABLE, _GRACE_S))
    except ValueError:
        grace_s = _GRACE_S
    if end.reason is Reason.PREEMPTED:
        return min(grace_s, _SHUTDOWN_GRACE_S)
    if end.reason in (Reason.CANCELLED, Reason.TIME_LIMIT):
        return grace_s
    limit_s = spec.get("max_run_duration_s")
    return None if limit_s is None else max(grace_s, limit_s - seconds)


def tidy(run: RunDirectory, found: list[Place]) -> None:
    """Remove copies nobody has changed; how the run ended stands, whatever happens here."""
    from runyard.data import collecting

    try:
        collecting.tidy(run, found)
    except Exception as error:
        said.say(f"data was not tidied: {ending.error_detail(error)['traceback']}")
