"""One run from Preparing to its end.

What is not needed to start the script is imported behind its start, by the functions that need it:
``record.states`` alone, with ``enum``, would take 4 ms of the way there.
"""

from __future__ import annotations

import os

from runyard.computes import channels
from runyard.errors import RunyardError
from runyard.record import jsonl, owner
from runyard.record.event_log import EventLog
from runyard.record.layout import RunDirectory
from runyard.runner import environment, kept, launch, said, subreaper, taking, telling, workfolder
from runyard.runner.requests import Requests
from runyard.runner.supervision import Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.data.places import Place
    from runyard.record.owner import Ownership
    from runyard.runner.ending import End
    from runyard.runner.supervision import Watched


def main(arguments: list[str]) -> int:
    """Run the run of ``RUN_DIRECTORY``, whose lock this process has inherited as ``LOCK_FD``.

    ``take`` instead of ``LOCK_FD``: of one that waited in the queue of a cluster, whose lock this
    process takes; it goes on where another runner of the same job was killed. With
    ``--with-parent`` behind them, a run whose starter has died is ended. With ``prepare``, only the
    environment is built, and the run handed to the queue of its target. With ``adopt``, this
    process goes on where another runner of the run was killed; with ``again``, it starts once more
    a run that was lost, or whose script had not begun. ``ahead:SOCKET`` instead of ``LOCK_FD``: of
    a run that is still being planned, by which all comes that it needs.
    """
    run = RunDirectory(arguments[0])
    if arguments[2:] == ["--with-parent"]:
        subreaper.end_with_parent()
    found = _ownership(run, arguments[1])
    if found is None:
        return 0
    ownership = found
    # The lock must not leak into the script: it would look alive for as long as any child lives.
    os.set_inheritable(ownership.fd, False)
    log = EventLog(run)
    words = arguments[1:]
    try:
        words = taking.words_of(run, words)
        owner.sign(ownership, taking.identity())
        end = _run(run, log, ownership, words)
    except Exception as error:
        from runyard.runner import ending

        end = ending.runner_failed(error)
        said.say(end.error)
    if end is None:  # it waits in the queue of its target
        return 0
    if words[1:] == ["again"]:
        from runyard.record import adoptions

        end.detail["adopted"] = adoptions.count(run)
    _end(run, log, ownership, end)
    if words[0] == "take":
        taking.let_go(run)
    return 0


def _ownership(run: RunDirectory, word: str) -> Ownership | None:
    if word == "take":
        return taking.take(run)
    if word.startswith("ahead:"):
        from runyard.runner import ahead

        return ahead.receive(run, int(word.partition(":")[2]))
    return owner.Ownership(int(word))


def _end(run: RunDirectory, log: EventLog, ownership: Ownership, end: End) -> None:
    from runyard.record.states import Reason
    from runyard.runner import ending, next_in_line

    ending.write(log, end)
    log.close()  # who waits for the run is told by that
    kept.forget(run)
    # A machine that goes down ends all runs: none of those that wait should begin now.
    if end.reason is not Reason.PREEMPTED:
        next_in_line.start(run, ownership)


def _run(run: RunDirectory, log: EventLog, ownership: Ownership, words: list[str]) -> End | None:
    """``words``: how this runner was started. None: the run goes on elsewhere."""
    record = jsonl.read_json(run.run_json)
    spec: dict[str, Any] = record["spec"]
    supervisor = Supervisor(Requests(run), spec["grace_period_s"], channels.interruptions())
    if words[1:] == ["lost"]:
        from runyard.runner import retaking

        return retaking.lost(run)
    if words[1:] == ["adopt"]:
        from runyard.runner import adopting

        return adopting.go_on(run, record, supervisor, log, ownership)
    record = _attempt(run, record, log, words)
    spec = record["spec"]
    if _is_here(words):
        (kept.keep if spec.get("max_restarts") else kept.keep_in_memory)(run, spec)
    elif spec.get("max_restarts") and words[0] == "take":
        from runyard.runner import retaking

        retaking.bound(run, spec)
    prefix = environment.reuse(run, spec)
    if prefix is None:
        if words[0] == "take":
            return taking.without_environment(spec)
        if _is_here(words):
            kept.keep(run, spec)
        built = _build(run, spec, supervisor, ownership, log)
        if not isinstance(built, dict):
            return built
        prefix = built
    return _begin(run, record, prefix, supervisor, log, ownership=ownership, words=words)


def _is_here(words: list[str]) -> bool:
    """Whether it is for this machine to start the run again; elsewhere others do."""
    return words[0] != "take" and words[1:] in ([], ["again"])


def _begin(
    run: RunDirectory,
    record: dict[str, Any],
    prefix: dict[str, Any],
    supervisor: Supervisor,
    log: EventLog,
    *,
    ownership: Ownership,
    words: list[str],
) -> End | None:
    """From an environment that is there to the end of the run."""
    spec = record["spec"]
    asked = supervisor.asked_to_end()  # a request may have come first
    if asked is not None:
        from runyard.runner import ending, finishing

        return finishing.told(supervisor, log, ending.ended_by_runner(asked))
    if words[1:] == ["prepare"]:
        taking.hand_over(run, spec, ownership)
        return None
    workfolder.prepare(run, record)
    has_data = any(spec.get(kind) for kind in ("data", "datasets", "outputs"))
    if has_data and _is_here(words):
        kept.keep(run, spec)
    data = _stage(run, spec, supervisor, ownership, log) if has_data else []
    if not isinstance(data, list):
        from runyard.runner import finishing

        return finishing.told(supervisor, log, data)
    return _launch(run, record, prefix, supervisor, log, ownership=ownership, data=data)


def _build(
    run: RunDirectory,
    spec: dict[str, Any],
    supervisor: Supervisor,
    ownership: Ownership,
    log: EventLog,
) -> dict[str, Any] | End:
    from runyard.record.states import Status

    said.status(log, Status.PREPARING, environment=spec["environment"]["name"])
    return environment.build(run, spec["environment"], supervisor, ownership)


def _attempt(
    run: RunDirectory, record: dict[str, Any], log: EventLog, words: list[str]
) -> dict[str, Any]:
    """The record of a run that may have been started before: by a cluster, or by a lost runner."""
    if words[1:] == ["again"]:
        from runyard.runner import adopting

        return adopting.begin_again(run, record, log)
    if words != ["take"]:
        return record
    from runyard.runner import attempts

    count = attempts.begin(run, log)
    spec = attempts.resumed(run, record["spec"]) if count else record["spec"]
    return {**record, "spec": {**spec, "attempt": count}}


def _stage(
    run: RunDirectory,
    spec: dict[str, Any],
    supervisor: Supervisor,
    ownership: Ownership,
    log: EventLog,
) -> list[Place] | End:
    from runyard.record.states import Status
    from runyard.runner import data

    said.status(log, Status.PREPARING, data=data.used(spec))
    return data.stage(run, spec, supervisor, ownership)


def _launch(
    run: RunDirectory,
    record: dict[str, Any],
    prefix: dict[str, Any],
    supervisor: Supervisor,
    log: EventLog,
    *,
    ownership: Ownership,
    data: list[Place],
) -> End | None:
    try:
        watched = launch.start(run, record, prefix, ownership, data)
    except (OSError, RunyardError) as error:
        return _not_launched(run, data, error)
    return _watch(
        watched, run, record, prefix, supervisor=supervisor, log=log, ownership=ownership, data=data
    )


def _not_launched(run: RunDirectory, data: list[Place], error: Exception) -> End:
    from runyard.record.states import Reason
    from runyard.runner import ending, finishing

    finishing.tidy_data(run, data)
    said.say(f"the script could not be started: {error}")
    return ending.End(Reason.LAUNCH_FAILED, ending.error_detail(error))


def _watch(
    watched: Watched,
    run: RunDirectory,
    record: dict[str, Any],
    prefix: dict[str, Any],
    *,
    supervisor: Supervisor,
    log: EventLog,
    ownership: Ownership,
    data: list[Place],
) -> End | None:
    from runyard.record.states import Status
    from runyard.runner import finishing, next_in_line

    spec = record["spec"]
    if not spec.get("max_restarts") and not _is_stored(spec):
        kept.forget(run)
    said.status(log, Status.RUNNING, pid=watched.pid, runner=os.getpid())
    _list_packages(run, spec, prefix)
    outcome = supervisor.watch(
        watched,
        limit_s=spec.get("max_run_duration_s"),
        on_cause=lambda outcome: telling.note(run, outcome),
        # Not at once: a script that ends soon would have its end put off by it.
        meanwhile=lambda: next_in_line.prepare(run, spec),
    )
    return finishing.finish(run, record, outcome, supervisor, log, ownership=ownership, data=data)


def _is_stored(spec: dict[str, Any]) -> bool:
    """Whether what the script leaves is stored, which may take the variables of the submitter."""
    stores = any(item.get("mode") in ("upload", "mount") for item in spec.get("data") or ())
    return stores or bool(spec.get("outputs"))


def _list_packages(run: RunDirectory, spec: dict[str, Any], prefix: dict[str, Any]) -> None:
    """The script has started, and stands, whatever happens here."""
    try:
        environment.record_packages(run, spec, prefix)
    except Exception as error:
        from runyard.runner import ending

        said.say(f"packages were not listed: {ending.error_detail(error)['traceback']}")
