"""From the current directory and ``--workspace`` to a workspace."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from runyard.cli import settings
from runyard.errors import WorkspaceException
from runyard.history import workspace_folder as folder
from runyard.history import workspace_search as search
from runyard.record.layout import WORKSPACE_FOLDER, WorkspaceDirectory

if TYPE_CHECKING:
    from runyard.history.workspace import Workspace


def existing() -> Workspace:
    """The workspace of this command. Raises WorkspaceException when there is none."""
    from runyard.history.workspace import Workspace

    return Workspace.at(existing_directory())


def if_any() -> Workspace | None:
    """The workspace of this command, None when there is none; none is made."""
    directory = named() or search_here(make=False)
    if directory is None or not folder.is_workspace(directory):
        return None
    from runyard.history.workspace import Workspace

    return Workspace.at(directory)


def existing_or_made() -> Workspace:
    """The same; without one, one is made in the current directory, and a notice says so.

    A folder named by ``--workspace`` must hold one: a misspelt name must not start a new history.
    """
    from runyard.history.workspace import Workspace

    return Workspace.at(named() or search_here() or search.make_default(Path.cwd()))


def planned() -> Workspace:
    """A stand-in that knows where the workspace lies, or would; nothing is opened or made."""
    directory = named() or search_here(make=False)
    if directory is None:
        directory = WorkspaceDirectory(str(Path.cwd() / WORKSPACE_FOLDER))
    return cast("Workspace", SimpleNamespace(directory=directory))


def existing_directory() -> WorkspaceDirectory:
    """Where the workspace lies. Raises WorkspaceException when there is none."""
    directory = named() or search_here()
    if directory is None:
        raise WorkspaceException(
            f"no workspace in {Path.cwd()} or a folder above; make one with: runyard init, go "
            "where one is, or name it: runyard --workspace DIR …"
        )
    return directory


def named() -> WorkspaceDirectory | None:
    """The workspace the user named, by option or variable; None when they named none."""
    given = settings.current().workspace
    if given is None:
        return None
    directory = folder.folder_at(given)
    if not folder.is_workspace(directory):
        raise WorkspaceException(
            f"{given!r} holds no workspace (--workspace, or {search.VARIABLE}); make one there "
            f"with: runyard init --path {given}"
        )
    return directory


def search_here(make: bool = True) -> WorkspaceDirectory | None:
    """The nearest one here or above. ``make``: also make the one that a config.json names."""
    found = search.search(Path.cwd())
    if isinstance(found, search.Config):
        if make:
            return search.open_config(found)
        pointed = found.content.get(search.PATH_KEY)
        return folder.folder_at(found.folder / pointed if pointed else found.folder)
    return found
