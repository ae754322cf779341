"""Wheels that a workspace keeps for its environments (spec 6)."""

from __future__ import annotations

import os
import re
import shutil
from os import PathLike
from pathlib import Path
from typing import Any

from runyard.errors import UserErrorException
from runyard.job.model import workspace_directory

FOLDER = "private_wheels"
# Name, version, an optional build number and three tags, as PEP 427 has it.
_WHEEL = re.compile(r"[A-Za-z0-9_.]+(?:-[A-Za-z0-9_.!+]+){4,5}\.whl")


def add(workspace: Any, file_path: str | PathLike[str], exist_ok: bool) -> str:
    """What ``Environment.add_private_pip_wheel`` does."""
    path = Path(file_path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"add_private_pip_wheel: there is no file {str(path)!r}")
    if not _WHEEL.fullmatch(path.name):
        raise UserErrorException(
            f"add_private_pip_wheel: {path.name!r} is not the name of a wheel; give a file such as "
            "'package-1.0-py3-none-any.whl' (python -m build --wheel makes one)"
        )
    folder = Path(workspace_directory(workspace).path, FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / path.name
    # Complete before it has its name: two at once, or a kill, leave one whole wheel.
    partial = folder / f".{path.name}.{os.getpid()}.partial"
    shutil.copyfile(path, partial)
    try:
        _name(partial, kept, exist_ok)
    finally:
        partial.unlink(missing_ok=True)
    return kept.absolute().as_uri()


def _name(partial: Path, kept: Path, exist_ok: bool) -> None:
    if exist_ok:
        os.replace(partial, kept)
        return
    try:
        os.link(partial, kept)
    except FileExistsError as error:
        raise UserErrorException(
            f"add_private_pip_wheel: the workspace has {kept.name!r} already; give exist_ok=True "
            "to replace it, or another version",
            error,
        ) from error
