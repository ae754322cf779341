"""The folder of a workspace: its name, ``workspace.json``, and making it exactly once."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runyard.errors import UserErrorException, WorkspaceException
from runyard.history import shared_json
from runyard.history.entry import newer_format
from runyard.history.writing import advice
from runyard.record import jsonl
from runyard.record.layout import FORMAT, WORKSPACE_FOLDER, WorkspaceDirectory

_NAME = re.compile(r"[a-zA-Z0-9][\w\-]{2,32}\Z")
_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)


def check_name(name: object) -> str:
    """A valid workspace name, as it is. Raises UserErrorException otherwise (spec 10)."""
    if isinstance(name, str) and _NAME.match(name):
        return name
    raise UserErrorException(
        f"workspace name {name!r} is not valid: 3 to 33 letters, digits, '-' and '_', beginning "
        "with an English letter or a digit"
    )


def name_for(folder: Path) -> str:
    """A valid workspace name that resembles the name of a folder."""
    name = re.sub(r"[^\w\-]", "-", folder.name).lstrip("-_")[:33]
    if not re.match("[a-zA-Z0-9]", name):
        name = f"ws-{name}"[:33]
    return name if len(name) > 2 else f"{name}-workspace"


def folder_at(path: str | os.PathLike[str]) -> WorkspaceDirectory:
    """The workspace folder a path stands for: itself, or the ``.runyard`` in it."""
    given = Path(path).expanduser().absolute()
    if given.name == WORKSPACE_FOLDER or (given / "workspace.json").is_file():
        return WorkspaceDirectory(str(given))
    return WorkspaceDirectory(str(given / WORKSPACE_FOLDER))


def is_workspace(directory: WorkspaceDirectory) -> bool:
    """Whether a workspace has been made there."""
    return os.path.isfile(directory.workspace_json)


def read(directory: WorkspaceDirectory) -> dict[str, Any]:
    """workspace.json. Raises WorkspaceException: missing, damaged, or of a newer format."""
    path = directory.workspace_json
    try:
        content = jsonl.read_json(path)
    except FileNotFoundError as error:
        raise WorkspaceException(
            f"{directory.path} is not a workspace: it has no workspace.json", error
        ) from error
    except OSError as error:  # nothing is wrong with what is in it
        raise WorkspaceException(
            f"{path} cannot be read: {error.strerror}; {advice(error, 'check who may read it')}",
            error,
        ) from error
    except ValueError as error:
        raise _damaged(path, str(error), error) from error
    if not isinstance(content.get("format"), int) or not content.get("name"):
        raise _damaged(path, "it lacks 'format' or 'name'", None)
    if content["format"] > FORMAT:
        raise WorkspaceException(
            f"the workspace {directory.path} was {newer_format(content['format'])}"
        )
    return content


def _damaged(path: str, why: str, error: BaseException | None) -> WorkspaceException:
    return WorkspaceException(
        f"{path} cannot be read: {why}. The runs beside it are untouched; put a copy of the file "
        f'back, or write {{"format": {FORMAT}, "id": "{uuid.uuid4().hex}", "name": "NAME", '
        f'"created": 0}} into it',
        error,
    )


def make(directory: WorkspaceDirectory, name: str, metadata: Mapping[str, Any]) -> bool:
    """Make a workspace; False when there is one already.

    Of several processes that try at once exactly one succeeds, and nobody ever sees a half
    written workspace.json. Raises WorkspaceException when the folder cannot be written.
    """
    content = {
        "format": FORMAT,
        "id": uuid.uuid4().hex,
        "name": check_name(name),
        "created": time.time(),
        **metadata,
    }
    try:
        os.makedirs(directory.path, exist_ok=True)
        if is_workspace(directory):
            return False
        if not _publish(directory, content):
            return False
        # A workspace is not source code: keep it out of the repository around it.
        with contextlib.suppress(FileExistsError), open(_in(directory, ".gitignore"), "x") as file:
            file.write("*\n")
        return True
    except OSError as error:
        raise WorkspaceException(
            f"no workspace can be made in {directory.path}: {error.strerror}; choose another "
            f"folder: Workspace.create({name!r}, path='…')",
            error,
        ) from error


def _publish(directory: WorkspaceDirectory, content: Mapping[str, Any]) -> bool:
    staged = _in(directory, f".workspace-{uuid.uuid4().hex}")
    jsonl.write_once(staged, dict(content))
    try:
        os.link(staged, directory.workspace_json)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        return _publish_exclusively(directory, content)
    finally:
        os.unlink(staged)
    jsonl.sync_file(directory.path)
    return True


def _publish_exclusively(directory: WorkspaceDirectory, content: Mapping[str, Any]) -> bool:
    """Where hard links cannot be made: for a moment the file is there and empty."""
    try:
        with open(directory.workspace_json, "xb") as stream:
            stream.write(jsonl.encode(dict(content)))
            os.fsync(stream.fileno())
    except FileExistsError:
        return False
    return True


def _in(directory: WorkspaceDirectory, name: str) -> str:
    return os.path.join(directory.path, name)


def update(directory: WorkspaceDirectory, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change keys of workspace.json; returns the new content. Raises as `read` does."""
    read(directory)
    return shared_json.change(directory.workspace_json, lambda _: changes)
