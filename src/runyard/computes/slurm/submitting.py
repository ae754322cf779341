"""Handing a run to Slurm: batch script, sbatch, and who has the run from then on."""

from __future__ import annotations

import contextlib
import logging
import os
import time

from runyard import _lending
from runyard.computes import channels, runner_process
from runyard.computes.slurm import jobs, options
from runyard.computes.slurm.commands import SUBMIT_S, Begun, Slurm, SlurmError
from runyard.computes.slurm.jobs import Job
from runyard.computes.slurm.script import batch_script
from runyard.record import creation, owner
from runyard.record.events import EventLog
from runyard.record.states import Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from runyard.record.layout import RunDirectory
    from runyard.record.owner import Ownership

_log = logging.getLogger(__name__)

CHANNEL = "slurm"
_TOLD = "RUNYARD_CHANNEL"


def submit(
    run: RunDirectory,
    ownership: Ownership,
    record: Mapping[str, Any],
    variables: Mapping[str, str],
    *,
    spec: Mapping[str, Any],
    meanwhile: Callable[[], None] = lambda: None,
) -> Job:
    """Submit the run, whose lock this process holds, and release the lock.

    ``record``: the target's settings. ``variables``: the whole environment of the job; what is
    secret in it reaches Slurm as a variable, never as an argument or in a file of ours.
    ``spec``: of its run.json. ``meanwhile`` is called while sbatch waits for its controller, and
    the job for the lock; what it raises is raised when the job has been taken back. Raises
    SlurmError when sbatch refuses; then the lock is still held.
    """
    script = _script(run, spec, record)
    name = jobs.name_of(run)
    # From here on the run is found again, whoever is killed: by the name of its job.
    owner.sign(ownership, {**owner.identity(), "run": run.path, jobs.SIGNED: name})
    begun = time.time()

    def fill() -> None:
        _keep(run, script)
        # Before run.json, without which the job does not begin: its runner's events come behind.
        _say_queued(run, str(record["name"]))
        meanwhile()

    beside = _Beside(run, fill)
    sbatch = _WAITING.pop(run.path, None) or _sbatch(run, spec, record, variables)
    answer = sbatch.finish(script, timeout_s=SUBMIT_S, meanwhile=beside)
    number, _, cluster = answer.strip().rpartition("\n")[2].partition(";")
    if not number.isdigit():
        raise SlurmError(f"sbatch has printed no job id: {answer.strip()!r}")
    job = Job(number, cluster, name, begun, os.getuid())
    if beside.failure is not None:
        with contextlib.suppress(SlurmError):  # its batch script finds no folder
            _slurm(record).run("scancel", "--quiet", *jobs.which(job))
        raise beside.failure
    jobs.write(run, job)
    ownership.release()
    return job


@contextlib.contextmanager
def ahead(
    run: RunDirectory,
    record: Mapping[str, Any],
    variables: Mapping[str, str],
    spec: Mapping[str, Any],
) -> Iterator[None]:
    """Start the sbatch of a run that does not exist yet; parameters are those of ``submit``.

    A third of its time is its own start, for which it needs no more than its options: it reads the
    script behind that. One that is not given any, because the submission was refused or killed,
    submits nothing.
    """
    try:
        sbatch = _sbatch(run, spec, record, variables)
    except SlurmError:  # submit will say so
        yield
        return
    _WAITING[run.path] = sbatch
    try:
        yield
    finally:
        if _WAITING.pop(run.path, None) is not None:
            sbatch.end()


_WAITING: dict[str, Begun] = {}
"""Of runs that are being submitted, by the path of each; see ``ahead``."""


def _sbatch(
    run: RunDirectory,
    spec: Mapping[str, Any],
    record: Mapping[str, Any],
    variables: Mapping[str, str],
) -> Begun:
    told = {
        **variables,
        _TOLD: CHANNEL,
        channels.CONTAINERS: record.get("containers") or "",
        # Where a run submits this one, its own folder stands there, by which its processes are
        # known. The batch script is no process of either; what it starts is marked by it.
        "RUNYARD_RUN_DIRECTORY": "/",
    }
    return _slurm(record).begin("sbatch", *options.command(run, spec, record), variables=told)


def _slurm(record: Mapping[str, Any]) -> Slurm:
    return Slurm(str(record.get("slurm_conf") or ""))


class _Beside:
    """What is done beside sbatch, whose answer counts whatever becomes of that."""

    def __init__(self, run: RunDirectory, action: Callable[[], None]) -> None:
        self._run = run
        self._action = action
        self.failure: BaseException | None = None

    def __call__(self) -> None:
        try:
            self._action()
        except BaseException as error:
            self.failure = error
            return
        _persist(self._run)


def _persist(run: RunDirectory) -> None:
    """Make the run survive power loss."""
    try:
        creation.persist(run)
    except OSError as error:  # the run is on its way and must not be reported as not started
        _log.warning("after a loss of power run %s may be missing: %s", run.id, error)


def _say_queued(run: RunDirectory, target: str) -> None:
    log = EventLog(run)
    try:
        log.status(Status.QUEUED, target=target)
    finally:
        log.close()


def _script(run: RunDirectory, spec: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """The batch script, which sbatch reads from its input."""
    return batch_script(
        run.path,
        runner_command(run, record),
        submitted_by=["sbatch", *options.command(run, spec, record), _script_path(run)],
        modules=record.get("modules") or (),
        prologue=str(record.get("prologue") or ""),
    )


def _keep(run: RunDirectory, script: str) -> None:
    """Write the batch script, for people."""
    os.makedirs(run.launch, exist_ok=True)
    with open(_script_path(run), "w", encoding="utf-8") as stream:
        stream.write(script)


def _script_path(run: RunDirectory) -> str:
    return os.path.join(run.launch, "slurm.sh")


def runner_command(run: RunDirectory, record: Mapping[str, Any]) -> list[str]:
    """What starts the runner on a node: ours, or that of an interpreter that is named."""
    python = record.get("python")
    if python:
        return [str(python), "-I", "-m", "runyard.runner", run.path, "take"]
    return [_lending.client_python(), "-I", "-S", runner_process.RUNNER, run.path, "take"]
