"""The data of a run: brought to its places before the script starts, taken back after its end.

Only imported by runs that have data.
"""

from __future__ import annotations

import signal

from runyard.data import staging
from runyard.data.places import places
from runyard.record import jsonl
from runyard.record.states import Reason
from runyard.runner import ending, said
from runyard.runner.forked import forked
from runyard.runner.tree import ProcessTree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from runyard.data.places import Place
    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership
    from runyard.runner.ending import End
    from runyard.runner.supervision import Supervisor


def stage(
    run: RunDirectory, spec: dict[str, Any], supervisor: Supervisor, ownership: Ownership
) -> list[Place] | End:
    """Bring all data to its places, in a process that a cancel can end.

    Each place stands in system_logs/data.txt, and in the run's log before the script's own lines.
    """
    found = places(run, spec)
    outcome = supervisor.watch(ProcessTree(forked(lambda: _stage(run, found, ownership)), run))
    if outcome.cause is not None or outcome.code:
        tidy(run, found)
    if outcome.cause is not None:
        return ending.ended_by_runner(outcome)
    if outcome.code:
        return ending.End(Reason.DATA_FAILED, _error(run, outcome.out_of_memory))
    with open(run.std_log, "a", encoding="utf-8", errors="surrogateescape") as log:
        log.writelines(f"data: {place}\n" for place in found)
    return found


def _stage(run: RunDirectory, found: list[Place], ownership: Ownership) -> None:
    ownership.release()  # else the run would look alive while only its data is being copied
    signal.signal(signal.SIGTERM, _leave)
    with open(run.data_log, "a", encoding="utf-8", errors="surrogateescape") as log:
        try:
            staging.stage(run, found, log)
        except Exception as error:
            jsonl.write_once(run.data_json, ending.error_detail(error), sync=False)
            log.write(f"failed: {error}\n")
            raise


def _leave(*_: object) -> NoReturn:
    """End by an exception, so that a half-written file is removed."""
    raise SystemExit(1)


def _error(run: RunDirectory, out_of_memory: bool) -> dict[str, Any]:
    try:
        return jsonl.read_json(run.data_json)
    except (FileNotFoundError, ValueError):
        why = "memory ran out" if out_of_memory else "its process was killed"
        return {"type": "killed", "message": f"the data of the run could not be staged: {why}"}


def collect(run: RunDirectory, found: list[Place], end: End) -> End:
    """Upload what the script left, however it ended; returns the end of the run."""
    try:
        with open(run.data_log, "a", encoding="utf-8", errors="surrogateescape") as log:
            staging.collect(run, found, log)
    except Exception as error:
        said.say(f"data was not uploaded: {error}")
        if end.reason is Reason.COMPLETED:
            return ending.End(Reason.DATA_FAILED, ending.error_detail(error), **end.detail)
    return end


def tidy(run: RunDirectory, found: list[Place]) -> None:
    """Remove copies nobody has changed; how the run ended stands, whatever happens here."""
    try:
        staging.tidy(run, found)
    except Exception as error:
        said.say(f"data was not tidied: {ending.error_detail(error)['traceback']}")
