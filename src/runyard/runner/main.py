"""One run from Preparing to its end."""

from __future__ import annotations

import os
import sys

from runyard.record import jsonl, owner
from runyard.record.events import EventLog
from runyard.record.layout import RunDirectory
from runyard.record.states import Reason, Status
from runyard.runner import ending, environment, launch, workfolder
from runyard.runner.requests import Requests
from runyard.runner.supervision import Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.record.owner import Ownership
    from runyard.runner.ending import End


def main(arguments: list[str]) -> int:
    """Run the run of ``RUN_DIRECTORY``, whose lock this process has inherited as ``LOCK_FD``."""
    run = RunDirectory(arguments[0])
    ownership = owner.Ownership(int(arguments[1]))
    # The lock must not leak into the script: it would look alive for as long as any child lives.
    os.set_inheritable(ownership.fd, False)
    owner.sign(ownership, owner.identity())
    log = EventLog(run)
    try:
        end = _run(run, log, ownership)
    except Exception as error:
        end = ending.runner_failed(error)
        print(end.error, file=sys.stderr, flush=True)
    ending.write(log, end)
    return 0


def _run(run: RunDirectory, log: EventLog, ownership: Ownership) -> End:
    record = jsonl.read_json(run.run_json)
    spec: dict[str, Any] = record["spec"]
    supervisor = Supervisor(run, Requests(run), grace_s=spec["grace_period_s"])
    prefix = environment.reuse(run, spec)
    if prefix is None:
        log.status(Status.PREPARING, environment=spec["environment"]["name"])
        built = environment.build(run, spec["environment"], supervisor, ownership)
        if isinstance(built, ending.End):
            return built
        prefix = built
    workfolder.prepare(run, record)
    return _launch(run, record, prefix, supervisor, log)


def _launch(
    run: RunDirectory,
    record: dict[str, Any],
    prefix: dict[str, Any],
    supervisor: Supervisor,
    log: EventLog,
) -> End:
    spec = record["spec"]
    try:
        process = launch.start(run, record, prefix)
    except OSError as error:
        return ending.End(Reason.LAUNCH_FAILED, ending.error_detail(error))
    log.status(Status.RUNNING, pid=process.pid, runner=os.getpid())
    outcome = supervisor.watch(process, limit_s=spec.get("max_run_duration_s"))
    end = ending.classify(run, outcome)
    log.status(Status.FINALIZING)
    workfolder.clean(run, record)
    print(f"ended: {end.reason.value} {outcome}", file=sys.stderr, flush=True)
    return end
