"""What methods of datasets are given, checked."""

import numbers
import os

from runyard.errors import UserErrorException
from runyard.record.layout import WorkspaceDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

_SEEDS = 2**32


def workspace_of(workspace: "Any") -> WorkspaceDirectory:
    """The folder of a workspace, as client or script have it. Raises UserErrorException."""
    if isinstance(workspace, WorkspaceDirectory):
        return workspace
    found = getattr(workspace, "directory", None)
    if isinstance(found, WorkspaceDirectory):
        return found
    path = getattr(workspace, "path", None)
    if isinstance(path, str):
        return WorkspaceDirectory(path)
    raise UserErrorException(
        "workspace is {!r} of type {}; give a workspace, such as Workspace.from_config() or, in a "
        "run, run.experiment.workspace".format(workspace, type(workspace).__name__)
    )


def checked_tags(tags: "Any") -> "Optional[Dict[str, str]]":
    """Tags as text. Raises UserErrorException for anything but a dict or None."""
    if tags is None:
        return None
    if isinstance(tags, dict):
        return {str(key): "" if value is None else str(value) for key, value in tags.items()}
    raise UserErrorException(
        "tags is {!r} of type {}; give a dict such as {{'season': 'summer'}}".format(
            tags, type(tags).__name__
        )
    )


def checked_count(count: "Any") -> int:
    """A number of files or rows. Raises UserErrorException."""
    if _is_whole(count) and int(count) >= 0:
        return int(count)
    raise UserErrorException("count is {!r}; give a whole number, 0 or more".format(count))


def checked_share(name: str, share: "Any") -> float:
    """A probability. Raises UserErrorException."""
    if isinstance(share, numbers.Real) and share is not True and 0 <= float(share) <= 1:
        return float(share)
    raise UserErrorException(
        "{}={!r} is not possible; give a number from 0 to 1".format(name, share)
    )


def checked_seed(seed: "Any") -> int:
    """A seed, drawn where None is given. Raises UserErrorException for anything but a number."""
    if seed is None:
        return int.from_bytes(os.urandom(4), "big")
    if _is_whole(seed):
        return int(seed) % _SEEDS
    raise UserErrorException("seed is {!r}; give a whole number, or None".format(seed))


def _is_whole(value: "Any") -> bool:
    return isinstance(value, numbers.Integral) and value is not True and value is not False


def checked_columns(columns: "Any") -> "List[str]":
    """Names of columns, given as one or several, each once. Raises UserErrorException."""
    found = [columns] if isinstance(columns, str) else columns
    if isinstance(found, (list, tuple)) and found and all(isinstance(c, str) for c in found):
        return list(dict.fromkeys(found))
    raise UserErrorException(
        "columns is {!r}; give the name of a column, or a list of names".format(columns)
    )
