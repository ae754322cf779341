"""Finding the workspace that code means: by folder, by name, or by a config.json of SDK v1."""

from __future__ import annotations

import json
import os
import shlex
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from runyard.errors import UserErrorException, WorkspaceException
from runyard.history import workspace_folder as folder
from runyard.record.layout import WORKSPACE_FOLDER, WorkspaceDirectory

VARIABLE = "RUNYARD_WORKSPACE"
"""A workspace folder; it wins where no path is given. The runner sets it for scripts."""

CONFIG_FILE = "config.json"
OLD_CONFIG_FILE = "project.json"
CONFIG_FOLDERS = (".azureml", "aml_config", "")
CLOUD_KEYS = ("subscription_id", "resource_group")
PATH_KEY = "runyard_workspace"
"""Key of a config.json written here: the workspace folder, which may be anywhere."""


class Config(NamedTuple):
    """A config.json of SDK v1, and the folder it speaks for."""

    file: Path
    folder: Path
    content: dict[str, Any]

    @property
    def made(self) -> Path:
        """What lies in ``folder``: the file, or the folder of SDK v1 that it is in."""
        return self.file if self.file.parent == self.folder else self.file.parent

    @property
    def name(self) -> str:
        """The workspace it names."""
        return str(self.content["workspace_name"])


def from_variable() -> WorkspaceDirectory | None:
    """The workspace named by RUNYARD_WORKSPACE. Raises UserErrorException when it is none."""
    value = os.environ.get(VARIABLE)
    if not value:
        return None
    directory = folder.folder_at(value)
    if not folder.is_workspace(directory):
        raise UserErrorException(
            f"{VARIABLE}={value!r} holds no workspace; unset it, or make one there: "
            f"Workspace.create('NAME', path={value!r})"
        )
    return directory


def search(start: Path, file_name: str | None = None) -> WorkspaceDirectory | Config | None:
    """The nearest workspace or config.json, in a folder or above.

    Where both are in one folder it is the config.json, which may name another.
    """
    for place in (start, *start.parents):
        config = config_in(place, file_name)
        if config is not None and not _left_by_another(config.made):
            return config
        directory = WorkspaceDirectory(str(place / WORKSPACE_FOLDER))
        if folder.is_workspace(directory) and not _left_by_another(Path(directory.path)):
            return directory
    return None


_passed_by: set[Path] = set()


def _left_by_another(found: Path) -> bool:
    """Whether another user has put it where everybody may, such as /tmp; a notice says so once.

    Who works somewhere below has not chosen it: his source and the output of his runs would lie in
    the hands of whoever made it.
    """
    try:
        where, what = found.parent.stat(), found.lstat()
    except OSError:
        return False
    if not where.st_mode & stat.S_IWOTH or what.st_uid in (0, os.geteuid()):
        return False
    if found not in _passed_by:
        _passed_by.add(found)
        notice(
            f"{found} was made by another user in a folder where everybody may write, and is "
            f"passed by; to use a workspace all the same, name it: export {VARIABLE}=FOLDER"
        )
    return True


def config_in(place: Path, file_name: str | None = None) -> Config | None:
    """The config.json (or, the oldest, project.json) of a folder (spec 10).

    Raises WorkspaceException for one that cannot be read: a workspace further up is another one.
    """
    for name in CONFIG_FOLDERS:
        for file in (file_name,) if file_name else (CONFIG_FILE, OLD_CONFIG_FILE):
            path = place / name / file
            config = read_config(path)
            if config is not None:
                return config
            if name in _OWN_FOLDERS:
                _refuse_damaged(path)
    return None


_OWN_FOLDERS = (".azureml", "aml_config")
"""Where a config.json is no other program's."""


def _refuse_damaged(path: Path) -> None:
    try:
        json.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:
        if _left_by_another(path):
            return
        raise WorkspaceException(
            f"{path} says which workspace is meant, and cannot be read: {error}; put it back, "
            "remove it, or name the workspace: runyard --workspace DIR …, or "
            f"{VARIABLE}=DIR"
        ) from error


def above(start: Path) -> Iterator[WorkspaceDirectory]:
    """All workspaces in a folder and above, nearest first; only RUNYARD_WORKSPACE when set."""
    named = from_variable()
    if named is not None:
        yield named
        return
    for place in (start, *start.parents):
        directory = WorkspaceDirectory(str(place / WORKSPACE_FOLDER))
        if folder.is_workspace(directory) and not _left_by_another(Path(directory.path)):
            yield directory


def by_name(name: str) -> WorkspaceDirectory:
    """The nearest workspace of that name, or that a config.json of that name stands for.

    One folder has one workspace, so others of a project are in folders below, which have their
    names: ``prod/.runyard``. Raises WorkspaceException, saying which are there.
    """
    others = []
    for directory in above(Path.cwd()):
        found = folder.read(directory)["name"]
        if found == name:
            return directory
        others.append(f"{found!r} in {directory.path}")
    for place in () if from_variable() else (Path.cwd(), *Path.cwd().parents):
        config = config_in(place)
        if config is not None and config.name == name:
            return open_config(config)
        below = _below(place, name)
        if below is not None:
            return below
    seen = f"found {', '.join(others)}" if others else "found no workspace at all"
    raise WorkspaceException(
        f"no workspace {name!r} in {Path.cwd()} or above ({seen}); {_way_out(name)}"
    )


def _below(place: Path, name: str) -> WorkspaceDirectory | None:
    """The workspace of that name in the folder of that name."""
    directory = WorkspaceDirectory(os.path.join(place, str(name), WORKSPACE_FOLDER))
    if folder.is_workspace(directory) and folder.read(directory)["name"] == name:
        return directory
    return None


def _way_out(name: str) -> str:
    by_folder = "one in another folder opens with Workspace.from_config('FOLDER')"
    if from_variable():
        return f"{VARIABLE} is set, and only that was looked at: unset it; {by_folder}"
    directory = WorkspaceDirectory(str(Path.cwd() / WORKSPACE_FOLDER))
    if folder.is_workspace(directory):
        return f"{make_below(Path.cwd(), name)}; {by_folder}"
    return f"make it here: Workspace.create({name!r}); {by_folder}"


def make_below(place: Path, name: str) -> str:
    """What to type for a second workspace of a folder."""
    path = str(name) if place == Path.cwd() else str(place / str(name))
    return (
        f"one folder has one workspace, make this one below: Workspace.create({name!r}, "
        f"path={path!r}), or runyard init {name} --path {shlex.quote(path)}"
    )


def read_config(path: Path) -> Config | None:
    """The config at a path; None when there is none, or it is another program's config.json."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict):
        return None
    content = {**_of_scope(content.get("Scope")), **content}
    if not content.get("workspace_name"):
        return None
    inside = path.parent.name in CONFIG_FOLDERS
    return Config(path, path.parent.parent if inside else path.parent, content)


def _of_scope(scope: object) -> dict[str, str]:
    """The oldest files have an address: /subscriptions/…/resourceGroups/…/…/workspaces/NAME."""
    parts = str(scope or "").strip("/").split("/")
    found = dict(zip(parts[::2], parts[1::2], strict=False))
    keys = {
        "subscriptions": "subscription_id",
        "resourceGroups": "resource_group",
        "workspaces": "workspace_name",
    }
    return {key: found[word] for word, key in keys.items() if found.get(word)}


def open_config(config: Config) -> WorkspaceDirectory:
    """The workspace a config.json names, beside it; made, with a notice, when there is none.

    Where a workspace of another name is beside it, the one in the folder of its name is taken.
    Raises WorkspaceException when there is none.
    """
    pointed = config.content.get(PATH_KEY)
    if pointed and folder.is_workspace(folder.folder_at(config.folder / pointed)):
        return folder.folder_at(config.folder / pointed)
    directory = WorkspaceDirectory(str(config.folder / WORKSPACE_FOLDER))
    known = {key: config.content.get(key) for key in CLOUD_KEYS}
    if folder.make(directory, config.name, {k: v for k, v in known.items() if v}):
        notice(f"made the workspace {config.name!r} of {config.file} in {directory.path}")
    found = folder.read(directory)["name"]
    if found == config.name:
        return directory
    below = _below(config.folder, config.name)
    if below is None:
        raise WorkspaceException(
            f"{config.file} names the workspace {config.name!r}, and {directory.path} is "
            f"{found!r}; change workspace_name in the file, or, as "
            f"{make_below(config.folder, config.name)}"
        )
    return below


def make_default(place: Path) -> WorkspaceDirectory:
    """A workspace named after its folder, made with a notice."""
    directory = WorkspaceDirectory(str(place / WORKSPACE_FOLDER))
    name = folder.name_for(place)
    if folder.is_workspace(directory) and _left_by_another(Path(directory.path)):
        raise WorkspaceException(
            f"{directory.path} is the workspace of another user, in a folder where everybody may "
            f"write: work in a folder of your own, or, to use it all the same: export "
            f"{VARIABLE}={shlex.quote(directory.path)}"
        )
    if folder.make(directory, name, {}):
        notice(f"made the workspace {name!r} in {directory.path}")
    return directory


def notice(text: str) -> None:
    """One line for people, apart from what the program prints."""
    print(f"runyard: {text}", file=sys.stderr)
