"""What keeps a workspace in order, as methods (docs/housekeeping.md)."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, BinaryIO

from runyard import _names
from runyard.errors import UserErrorException
from runyard.history import garbage
from runyard.record import regular
from runyard.record.layout import RunDirectory, WorkspaceDirectory

if TYPE_CHECKING:
    from runyard.history.garbage import Group
    from runyard.history.index import Index
    from runyard.history.run import Run
    from runyard.history.transfer.importing import Imported
    from runyard.history.verification import Report

KINDS = ("snapshots", "blobs", "work", "leftovers", "environments", "data")
UNUSED_S = 30 * 86400.0
"""Environments and data of the machine's cache that were used since stay, by default."""


class WorkspaceHousekeeping:
    """Removing what nothing needs, checking what is there."""

    _directory: WorkspaceDirectory
    _index: Index
    get_run: Callable[[str], Run]

    def gc(
        self,
        remove: bool = False,
        only: Collection[str] = KINDS,
        grace_s: float = garbage.GRACE_S,
        unused_s: float = UNUSED_S,
    ) -> list[Group]:
        """What nothing refers to any more; with ``remove`` it is gone when this returns.

        ``only``: of `KINDS`; snapshots and blobs go together. ``grace_s``: what changed in the
        workspace in so many seconds stays; a day. ``unused_s``: the same for environments and
        fetched data, which all workspaces of this machine share; 30 days since their last use.
        Safe beside submissions and runs. Raises UserErrorException for an unknown kind,
        WorkspaceException when the workspace is not whole enough to tell, OSError.
        """
        _check(only)
        now = time.time()
        found: list[Group] = []
        if {"snapshots", "blobs"} & {*only}:
            store = garbage.StoreGarbage(self._directory, grace_s)
            found += store.remove() if remove else store.find()
        for kind, place in (("work", "work_copies"), ("leftovers", "leftovers")):
            if kind in only:
                collect = _names.load(f"runyard.history.{place}:collect")
                found.append(collect(self._directory, remove=remove, now=now, grace_s=grace_s))
        if "environments" in only:
            found.append(self._environments(remove, now, unused_s))
        if "data" in only:
            found.append(_data(remove, unused_s))
        return found

    def verify(self, deep: bool = False) -> Report:
        """Whether everything in the workspace is whole; nothing is changed.

        ``deep``: also read metrics and the content of every stored file. ``findings`` of what is
        returned say what is wrong, and what to do; ``is_whole`` whether any of them is an error.
        """
        report: Report = _names.load("runyard.history.verification:examine")(
            self._directory, deep=deep
        )
        return report

    def export_runs(
        self,
        runs: Iterable[Run | RunDirectory | str],
        target: str | os.PathLike[str] | BinaryIO,
        children: bool = True,
        warn: Callable[[str], None] = warnings.warn,
    ) -> list[str]:
        """Write runs to a tar archive for another workspace; returns the ids of what is in it.

        ``runs``: ids, or runs. ``target``: a new file, .tar or compressed .tar.gz, or a
        stream. ``children``: child runs, and theirs, as well. ``warn``: told what is left out.
        Raises UserErrorException for a run that has not ended, and when the file is there.
        """
        transfer = _names.load("runyard.history.transfer.exporting:Exporting")
        chosen = [self._run_directory(run) for run in runs]
        ids: list[str] = transfer(self._directory, self._index, children, warn).to(chosen, target)
        return ids

    def import_runs(
        self, source: str | os.PathLike[str] | BinaryIO, clash: str = "refuse"
    ) -> Imported:
        """Take the runs of an archive in: all of them, or none.

        ``source``: a file, or a stream. ``clash``: what becomes of runs whose ids are here:
        'refuse' the archive, 'skip' or 'rename' them. Raises UserErrorException for an archive
        that cannot be taken; nothing of it is here then.
        """
        take = _names.load("runyard.history.transfer.importing:import_runs")
        if isinstance(source, (str, os.PathLike)):
            with regular.open_to_read(os.fspath(source)) as stream:
                done: Imported = take(self._directory, stream, clash)
        else:
            done = take(self._directory, source, clash)
        return done

    def _run_directory(self, run: Run | RunDirectory | str) -> RunDirectory:
        if isinstance(run, str):
            found: RunDirectory = self.get_run(run).directory
            return found
        return run if isinstance(run, RunDirectory) else run.directory

    def _environments(self, remove: bool, now: float, unused_s: float) -> Group:
        wanted = {entry.environment for entry in self._index.unended() if entry.environment}
        prune = _names.load("runyard.environments.pruning:prune")
        group = garbage.Group("environments")
        for decision in prune(
            now=now, older_than_s=unused_s, wanted=frozenset(wanted), dry_run=not remove
        ):
            if decision.removed:
                group.add(decision.cached.key, decision.cached.size_bytes)
            else:
                group.kept.append(f"{decision.cached.key}: {decision.why}")
        return group


def _data(remove: bool, unused_s: float) -> Group:
    group = garbage.Group("data")
    cache = _names.load("runyard.data.cache:ContentCache")()
    group.count, group.size_bytes = cache.prune(unused_s, dry_run=not remove)
    return group


def _check(only: Collection[str]) -> None:
    unknown = sorted({*only} - {*KINDS})
    if unknown:
        raise UserErrorException(
            f"{unknown[0]!r} is not a kind of what can be removed; give of: {', '.join(KINDS)}"
        )
