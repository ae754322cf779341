"""Going on with a run whose runner was killed: ``RUN_DIRECTORY LOCK_FD adopt``.

Imported by no other runner. What ran when the old one was killed is not below this process: it is
watched by pidfd, and found by what marks it as the run's.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time

from runyard.computes import adoption, channels, processes
from runyard.computes.local import LocalTarget
from runyard.record import adoptions, cause, events, jsonl, owner, pidfd, ranks, script
from runyard.record.states import Reason, Status
from runyard.runner import attempts, ending, finishing, kept, said, telling, verdict
from runyard.runner.supervision import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.data.places import Place
    from runyard.record.event_log import EventLog
    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership
    from runyard.record.script import Script
    from runyard.runner.ending import End
    from runyard.runner.supervision import Supervisor, Watched

_TO_RECORD_S = 10.0
"""What a witness may take to note the exit code, when the script has ended; see ``witness``."""
_LOOK_EVERY_S = 0.02


def go_on(
    run: RunDirectory,
    record: dict[str, Any],
    supervisor: Supervisor,
    log: EventLog,
    ownership: Ownership,
) -> End | None:
    """Watch the script to its end; None: the run waits in the queue of its target again."""
    count = _noted(run)
    kept.of_another(run)
    said.say(f"the runner was killed: {os.getpid()} goes on with the run (number {count})")
    found = script.read(run)
    supervisor.heed_missed_warning()
    # The batch script of a job has given this runner those that the one before had.
    of_job = channels.interruptions() is not None
    knows_variables = of_job or adoption.knows_variables(run, found)
    try:
        watched = _watched(run, found)
    except Exception as error:  # nobody would end what runs
        reap(run)
        return ending.End(Reason.RUNNER_LOST, ending.error_detail(error), adopted=count)
    statuses = [event.get("status") for event in events.read_state(run).events]
    # Where the old runner was killed before it could: statuses are the same as ever.
    if statuses[-1:] not in ([Status.RUNNING.value], [Status.FINALIZING.value]):
        begun = _begun(run, found, watched)
        at = None if begun is None else _not_before(run, begun)
        said.status(log, Status.RUNNING, at=at, pid=found.pid, runner=os.getpid())
    spec = record["spec"]
    outcome = supervisor.watch(
        watched,
        limit_s=spec.get("max_run_duration_s"),
        since_s=found.age_s(),
        on_cause=lambda outcome: telling.note(run, outcome),
        told=_told(run),
    )
    since_ns = _ended_ns(run)
    _date_from_its_end(run, log)
    known = verdict.read(run)
    data = _places(run, spec) if known is None else []
    end = finishing.finish(
        run,
        record,
        outcome,
        supervisor,
        log,
        ownership=ownership,
        data=data,
        finalizing=Status.FINALIZING.value in statuses[-1:],
        since_ns=since_ns,
    )
    if end is None:
        return None
    end = verdict.confirmed(end, known)
    if end.reason is Reason.DATA_FAILED and end.error and not knows_variables:
        end.error["hint"] = _by_hand(data)
    end.detail["adopted"] = count
    return end


def _noted(run: RunDirectory) -> int:
    """A full disk is no reason to leave a script alone that runs."""
    try:
        return adoptions.note(run)
    except OSError as error:
        said.say(f"that this runner goes on with the run was not recorded: {error}")
        return adoptions.count(run) + 1


def _told(run: RunDirectory) -> Outcome:
    outcome = Outcome()
    why, outcome.request = cause.read(run)
    outcome.cause = why or None
    return outcome


def _ended_ns(run: RunDirectory) -> int | None:
    """When the script ended, as the file system tells time; None where that is not recorded.

    A cancel that came later is of what is done since: the old runner did not live to heed it.
    """
    if script.read(run).code is None:
        return None
    return os.stat(script.path_of(run)).st_mtime_ns


def _by_hand(data: list[Place]) -> str:
    """What to do about results that could not be stored for want of what the submitter had."""
    commands = "; ".join(
        f"runyard datastore upload {place.datastore} {place.here}"
        + (f" --to {place.path}" if place.path else "")
        for place in data
        if place.datastore and place.here and os.path.lexists(place.here)
    )
    return (
        "The runner was killed, and the variables of the submitter, which may have had the "
        "credentials for this, are gone. What was not stored is in the run directory"
        + (f"; with the credentials: {commands}" if commands else "")
    )


def _date_from_its_end(run: RunDirectory, log: EventLog) -> None:
    """Who looks first may do so days after the script has ended; the run did not take those."""
    ended = _ended(run)
    if ended is not None:
        log.date_from(_not_before(run, ended))


def _not_before(run: RunDirectory, moment: float) -> float:
    """The moment, or that of the last event, if the clock was set back between."""
    seen = [jsonl.moment(event) or 0.0 for event in events.read_state(run).events]
    return max([moment, *seen])


def _begun(run: RunDirectory, found: Script, watched: Watched) -> float | None:
    """When the script was started: the first of several processes, or its container."""
    started = [rank.started for rank in ranks.read(run) if rank.started is not None]
    if found.gang is not None and started:
        return min(started)
    return getattr(watched, "begun", None) or found.begun


def _ended(run: RunDirectory) -> float | None:
    """When the script ended, by what has recorded that; None where one of several has not."""
    found = script.read(run)
    if found.gang is not None:
        known = {rank.number: rank.ended for rank in ranks.read(run)}
        ends = [known.get(number) for number in range(int(found.gang["size"]))]
    elif found.in_container:
        ends = [jsonl.moment(line) for line in found.containers.values()]
    else:
        ends = [found.ended]
    return None if None in ends else max(filter(None, ends), default=None)


def begin_again(run: RunDirectory, record: dict[str, Any], log: EventLog) -> dict[str, Any]:
    """The record of a run that is started once more, when nothing of the first time is left."""
    count = adoptions.note(run, again=True)
    said.say(f"the runner was killed: {os.getpid()} starts the run again (number {count})")
    reap(run)
    for path in (run.container_json, run.data_json):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    earlier = attempts.begin(run, log)
    if not earlier:  # a witness that had not started its script
        with contextlib.suppress(FileNotFoundError):
            os.unlink(script.path_of(run))
    spec = attempts.resumed(run, record["spec"]) if earlier else record["spec"]
    return {**record, "spec": {**spec, "attempt": earlier}}


def reap(run: RunDirectory) -> None:
    """Kill what another runner has left running: on this machine, and on the nodes of its job."""
    if channels.interruptions() is not None:
        from runyard.computes.slurm import steps

        steps.kill_steps()
    LocalTarget().reap(run)


def _watched(run: RunDirectory, found: Script) -> Watched:
    if found.gang is None and not found.in_container:
        return Adopted(run, found)
    from runyard.runner import adopted

    return adopted.watched(run, found)


def _places(run: RunDirectory, spec: dict[str, Any]) -> list[Place]:
    """Where the data of the run was staged."""
    if not any(spec.get(kind) for kind in ("data", "datasets", "outputs")):
        return []
    from runyard.data import staged
    from runyard.data.places import places

    found = places(run, spec)
    staged.apply(found, staged.read(run))
    return found


class Adopted:
    """What a supervisor watches of a script that another runner has started."""

    def __init__(self, run: RunDirectory, found: Script) -> None:
        self.pid = found.pid or 0
        self._run = run
        self._witness = adoption.witness_of(run, found)
        self._pid = self._witness or (found.pid if adoption.runs(run, found) else None)
        self._script = None if found.pid is None else (found.pid, found.started)
        self._start = found.witness.get("start") if self._witness else found.started
        self._pidfd = None if self._pid is None else pidfd.opened(self._pid)

    def wait(self, patience_ms: int) -> bool:
        """Wait so long for the end of the script."""
        if not self._lives():
            return True
        if self._pidfd is None:
            time.sleep(min(patience_ms / 1000, _LOOK_EVERY_S))
        else:
            poller = select.poll()
            poller.register(self._pidfd, select.POLLIN)
            poller.poll(patience_ms)
        return not self._lives()

    def look(self) -> None:
        """A witness that was stopped goes on when the script has ended: to say how."""
        if self._witness is None or self._script is None or not self._lives():
            return
        if owner.start_ticks(self._script[0]) != self._script[1]:
            os.kill(self._witness, signal.SIGCONT)

    def end(self, grace_s: float) -> int:
        """End all processes of the run but the witness, which then ends by itself."""
        killed = processes.end(self._left, grace_s)
        until = time.monotonic() + _TO_RECORD_S
        while self._witness is not None and self._lives():
            if time.monotonic() >= until:
                os.kill(self._witness, signal.SIGKILL)
                break
            self.look()
            time.sleep(_LOOK_EVERY_S)
        return killed

    def judge(self, outcome: Outcome) -> None:
        """By what the witness has recorded."""
        found = script.read(self._run)
        if found.code is not None:
            outcome.code, outcome.out_of_memory = found.code, found.out_of_memory
        elif found.error:
            outcome.reason, outcome.error = Reason.LAUNCH_FAILED, {"message": found.error}
        else:
            message = (
                "The runner of this run was killed, and so was the process that was to note the "
                "exit code of the script: how it ended is not known."
            )
            outcome.reason, outcome.error = Reason.RUNNER_LOST, {"message": message}

    def _lives(self) -> bool:
        return self._pid is not None and owner.start_ticks(self._pid) == self._start

    def _left(self) -> list[int]:
        """Also those that have left the run's folder behind: it may have been moved."""
        found = {*processes.of_run(self._run.path)}
        if self._witness is not None and self._lives():
            found.update(processes.descendants_of_run(self._witness, self._run.path))
        return sorted(found - {self._witness, os.getpid()})
