"""What Slurm knows of the jobs of runs, also of those whose number nobody wrote down."""

from __future__ import annotations

import contextlib
import os

from runyard.computes.slurm import jobs, queue
from runyard.computes.slurm.jobs import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runyard.computes.slurm.commands import Slurm
    from runyard.computes.slurm.queue import Known
    from runyard.record.layout import RunDirectory

_SKEW_S = 3_600.0
"""Clocks of submitter and controller may differ by so much."""


def known(slurm: Slurm, runs: Sequence[RunDirectory]) -> list[Known | None]:
    """What Slurm knows of the job of each run; None: nothing, or of another one.

    One squeue for all, then one sacct for those it has forgotten. Raises SlurmError.
    """
    of_runs = [jobs.read(run) for run in runs]
    found: dict[tuple[str, str], Known] = {}
    for cluster in {job.cluster for job in of_runs if job is not None}:
        there = [job for job in of_runs if job is not None and job.cluster == cluster]
        listed = queue.listed(slurm, [(job.number, job.name) for job in there], cluster)
        forgotten = [job.number for job in there if job.number not in listed]
        listed.update(queue.accounted(slurm, forgotten, cluster))
        found.update({(cluster, number): one for number, one in listed.items()})
    lost = [run for run, job in zip(runs, of_runs, strict=True) if job is None]
    by_name = _by_name(slurm, lost)
    return [
        by_name.get(run.path) if job is None else _of(job, found.get((job.cluster, job.number)))
        for run, job in zip(runs, of_runs, strict=True)
    ]


def job_of(slurm: Slurm, run: RunDirectory) -> Job | None:
    """The job of one run; where its number was not written down, Slurm is asked for its name."""
    job = jobs.read(run)
    if job is None:
        _by_name(slurm, [run])
        job = jobs.read(run)
    return job


def _by_name(slurm: Slurm, lost: Sequence[RunDirectory]) -> dict[str, Known]:
    """Of runs whose submitter was killed before it wrote the number, which is written now."""
    names = {run.path: name for run in lost if (name := jobs.signed_name(run)) is not None}
    if not names:
        return {}
    found = _in_queue(slurm, names)
    for run in lost:
        if run.path in found:
            one = found[run.path]
            with contextlib.suppress(OSError):  # we may only read it
                jobs.write(run, Job(one.number, "", one.name, one.submitted or 0.0, jobs.uid(run)))
    return found


def _in_queue(slurm: Slurm, names: Mapping[str, str]) -> dict[str, Known]:
    found = queue.named(slurm, sorted(names.values()))
    return {path: found[name] for path, name in names.items() if name in found}


def _of(job: Job, found: Known | None) -> Known | None:
    """The job, unless it is another one that has the same number: of a cluster made anew."""
    if found is None or found.name != job.name:
        return None
    if found.submitted is not None and found.submitted < job.submitted - _SKEW_S:
        return None
    return found


def is_hidden(run: RunDirectory, job: Job | None) -> bool:
    """Whether a site may show us nothing of the run's job: it shows some users only their own."""
    owner = jobs.uid(run) if job is None else job.uid
    return os.getuid() not in (0, owner)
