"""What may be in an archive of runs, and under which names."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from runyard.errors import RunyardError, UserErrorException
from runyard.history.experiment import checked_name

FORMAT = 1
HEADER = "runyard-export.json"
TRAILER = "runyard-export-end.json"
RECORD_BYTES = 64 << 20
"""More has no header, trailer or snapshot."""
NOT_TAKEN = frozenset(
    ("runner.lock", "handle.json", "container.json", "launch", "relay", "requests", "workspace")
)
"""Names in a run directory that are about the machine it ran on, and about what runs there."""

_BLOB = re.compile(r"blobs/([0-9a-f]{2})/(\1[0-9a-f]{62})\Z")
_SNAPSHOT = re.compile(r"snapshots/([0-9a-f]{32})\.json\Z")
_RUN_ID_CHARS = 255


class Member(NamedTuple):
    """``kind``: header, trailer, blob, snapshot or run; ``name`` the hash, the id or the path.

    Of a run ``experiment`` and ``run_id`` say which; ``name`` is relative to its directory, ''
    for that itself.
    """

    kind: str
    name: str
    experiment: str = ""
    run_id: str = ""


def named(path: str) -> Member:
    """What a member of that path is. Raises UserErrorException for one that may not be there."""
    if path in (HEADER, TRAILER):
        return Member("header" if path == HEADER else "trailer", path)
    if match := _BLOB.match(path):
        return Member("blob", match[2])
    if match := _SNAPSHOT.match(path):
        return Member("snapshot", match[1])
    parts = path.split("/")
    if parts[0] != "runs" or len(parts) < 3:
        raise refused(path, "there is no place for it in a workspace")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise refused(path, "it leads out of its folder")
    check_run(parts[1], parts[2])
    if len(parts) > 3 and parts[3] in NOT_TAKEN:
        raise refused(path, "it is about the machine of a run, and comes with none")
    return Member("run", "/".join(parts[3:]), parts[1], parts[2])


def check_run(experiment: object, run_id: object) -> None:
    """Raises UserErrorException for names that no run can have."""
    try:
        checked_name(experiment)
    except RunyardError as error:
        raise UserErrorException(f"the archive is refused: {error.message}", error) from error
    usable = (
        isinstance(run_id, str)
        and 0 < len(os.fsencode(run_id)) <= _RUN_ID_CHARS
        and run_id.isprintable()
        and "/" not in run_id
        and not run_id.startswith(".")
    )
    if not usable:
        raise UserErrorException(f"the archive is refused: {run_id!r} is no id of a run")


def leads_outside(place: str, target: str) -> bool:
    """Whether a link at a relative path leads, or might lead, out of the run directory.

    Text alone tells where ``..`` leads as long as nothing stands before it: behind a folder it
    depends on whether that is a link itself.
    """
    if not target or target.startswith("/") or "\0" in target:
        return True
    parts = target.split("/")
    names = [number for number, part in enumerate(parts) if part not in ("", ".", "..")]
    if names and ".." in parts[names[0] :]:
        return True
    found = os.path.normpath(os.path.join(os.path.dirname(place), target))
    return found == ".." or found.startswith("../")


def refused(path: str, why: str) -> UserErrorException:
    """The error of an archive with a member that may not be there."""
    return UserErrorException(
        f"the archive is refused, nothing of it was taken: its member {path!r:.300} is none that "
        f"`runyard export` writes: {why}"
    )
