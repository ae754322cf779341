"""Runs as users name them: a full id, a part of one, ``last``, ``@2``."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from runyard.cli import formats
from runyard.cli.nearest import did_you_mean
from runyard.errors import UserErrorException
from runyard.record.layout import RunDirectory, WorkspaceDirectory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runyard.history.entry import Entry
    from runyard.history.workspace import Workspace

    _TextType = click.ParamType[str]
else:
    _TextType = click.ParamType  # generic only since click 8.4

_POSITION = re.compile(r"@(\d+)\Z")
_LISTED = 10
_COMPLETED = 50


class RunName(_TextType):
    """An argument that names a run; what it means is looked up by `resolve`."""

    name = "run"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The newest ids that begin so; nothing when there is no workspace."""
        try:
            with ctx:
                return _completions(incomplete)
        except Exception:  # the shell would print a traceback between the user's keys
            return []


RUN = RunName()


def resolve_here(name: str) -> RunDirectory:
    """The run that is meant, in the workspace of this command; raises as `resolve` does.

    For one that is named by its whole id no other run is looked at, and nothing is imported for
    that: opening the workspace would also see whether others are lost.
    """
    from runyard.cli import opening
    from runyard.history import workspace_folder

    directory = opening.existing_directory()
    workspace_folder.read(directory)  # which says what is the matter with it
    return _exact(directory, name) or resolve(opening.existing(), name)


def resolve(workspace: Workspace, name: str) -> RunDirectory:
    """The run that is meant. Raises UserErrorException: none, or several, of that name."""
    position = 1 if name == "last" else _position(name)
    if position is not None:
        return _at(workspace, position)
    exact = _exact(workspace.directory, name)
    return exact or _by_part(workspace, name)


def _position(name: str) -> int | None:
    match = _POSITION.match(name)
    if match is None:
        return None
    if int(match.group(1)) < 1:
        raise UserErrorException(f"{name!r} names no run; @1 is the latest, @2 the one before")
    return int(match.group(1))


def _at(workspace: Workspace, position: int) -> RunDirectory:
    from runyard.history.index_query import Query

    entries = workspace.select(Query(include_children=False, limit=position))
    if len(entries) < position:
        there = formats.count(len(entries), "run")
        raise UserErrorException(
            f"there is no run @{position}: the workspace {workspace.path} has {there}"
            + ("; see: runyard runs" if entries else "; start one: runyard submit train.py")
        )
    return _directory(workspace, entries[-1])


def _exact(directory: WorkspaceDirectory, run_id: str) -> RunDirectory | None:
    from runyard.history.run_folders import experiment_names

    if not run_id or "/" in run_id or run_id.startswith("."):
        return None
    for experiment in experiment_names(directory):
        run = directory.run(experiment, run_id)
        if os.path.isfile(run.run_json):
            return run
    return None


def _by_part(workspace: Workspace, part: str) -> RunDirectory:
    entries = workspace.select()
    found = [e for e in entries if part and (e.id.startswith(part) or e.id.endswith(part))]
    if len(found) == 1:
        return _directory(workspace, found[0])
    if not found:
        raise UserErrorException(_unknown(part, entries))
    raise UserErrorException(
        f"{part!r} fits {len(found)} runs; name one of them:\n{_candidates(found)}"
    )


def _unknown(part: str, entries: Sequence[Entry]) -> str:
    hint = did_you_mean(part, (entry.id for entry in entries))
    return f"there is no run {part!r}{hint} To see all runs: runyard runs --all"


def _candidates(found: Sequence[Entry]) -> str:
    lines = [f"  {e.id}  {e.status}  {formats.moment(e.created)}" for e in found[:_LISTED]]
    if len(found) > _LISTED:
        lines.append(f"  … and {len(found) - _LISTED} more")
    return "\n".join(lines)


def _directory(workspace: Workspace, entry: Entry) -> RunDirectory:
    return workspace.directory.run(entry.experiment, entry.id)


def _completions(incomplete: str) -> list[CompletionItem]:
    from runyard.cli import opening
    from runyard.history.index import Index

    index = Index(opening.existing_directory())
    try:
        entries = index.select()
    finally:
        index.close()
    fitting = [entry for entry in entries if entry.id.startswith(incomplete)][:_COMPLETED]
    words = [
        CompletionItem(word, help="the latest run")
        for word in ("last",)
        if entries and word.startswith(incomplete)
    ]
    return words + [CompletionItem(e.id, help=f"{e.status}, {e.experiment}") for e in fitting]
