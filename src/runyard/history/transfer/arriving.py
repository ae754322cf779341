"""What comes out of an archive, laid out in a folder of its own until all of it is known good.

Links are made last, so that nothing is ever written through one; a file is never written over.
"""

from __future__ import annotations

import json
import os
from typing import Any, BinaryIO

from blake3 import blake3

from runyard.errors import UserErrorException
from runyard.history.transfer import members
from runyard.history.transfer.members import Member, refused
from runyard.history.transfer.reading import DAMAGE, damaged
from runyard.record.layout import WorkspaceDirectory

_CHUNK_BYTES = 1 << 20


class Arriving:
    """The content of one archive in an empty folder.

    ``header``: what it says it has. ``checked``: whether that was compared with what is here.
    """

    def __init__(self, folder: str) -> None:
        self.staged = WorkspaceDirectory(folder)
        self.header: dict[str, Any] = {}
        self.blobs: dict[str, int] = {}
        self.snapshots: set[str] = set()
        self.checked = False
        self._runs: set[tuple[str, str]] = set()
        self._links: list[tuple[str, str]] = []
        self._count = 0
        self._whole = False

    def take(self, member: Member, info: Any, content: BinaryIO | None) -> None:
        """Lay out the next member. Raises UserErrorException for one that may not be there."""
        if self._whole or (member.kind == "header") == bool(self.header):
            raise refused(info.name, "it is not where it belongs")
        if content is None and member.kind != "run":
            raise refused(info.name, "it is no file")
        try:
            self._take(member, info, content)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise refused(info.name, "something else has its name") from error
        except DAMAGE as error:
            raise damaged(error) from error
        self._count += 1

    def _take(self, member: Member, info: Any, content: BinaryIO | None) -> None:
        if member.kind == "run":
            self._take_part_of_run(member, info, content)
        elif content is not None:
            getattr(self, f"_take_{member.kind}")(member, info, content)

    def _take_header(self, _: Member, info: Any, content: BinaryIO) -> None:
        self.header = _record(info, content)
        if self.header.get("format") != members.FORMAT:
            raise UserErrorException(
                f"the archive has format {self.header.get('format')!r}; this release of runyard "
                f"reads format {members.FORMAT}. Upgrade runyard."
            )
        runs = self.header.get("runs")
        if not isinstance(runs, list) or not runs or not all(isinstance(r, dict) for r in runs):
            raise refused(info.name, "it names no runs")
        for run in runs:
            members.check_run(run.get("experiment"), run.get("id"))
        if len({run["id"] for run in runs}) < len(runs):
            raise refused(info.name, "it names a run twice")
        self._runs = {(run["experiment"], run["id"]) for run in runs}

    def _take_trailer(self, _: Member, info: Any, content: BinaryIO) -> None:
        if _record(info, content).get("members") != self._count:
            raise damaged(ValueError("members are missing"))
        self._whole = True

    def _take_blob(self, member: Member, info: Any, content: BinaryIO) -> None:
        path = os.path.join(self.staged.blobs, member.name[:2], member.name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if _write(path, content, 0o444, info.mtime) != member.name:
            raise refused(info.name, "its content is not what its name says")
        self.blobs[member.name] = info.size

    def _take_snapshot(self, member: Member, info: Any, content: BinaryIO) -> None:
        if info.size > members.RECORD_BYTES * 4:
            raise refused(info.name, f"it has {info.size} bytes")
        path = self.staged.manifest(member.name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if _write(path, content, 0o644, info.mtime)[:32] != member.name:
            raise refused(info.name, "its content is not what its name says")
        self.snapshots.add(member.name)

    def _take_part_of_run(self, member: Member, info: Any, content: BinaryIO | None) -> None:
        if (member.experiment, member.run_id) not in self._runs:
            raise refused(info.name, "its run is not among those that it says it has")
        path = self.staged.run(member.experiment, member.run_id).join(member.name)
        if info.issym():
            if not member.name or members.leads_outside(member.name, info.linkname):
                raise refused(info.name, f"it leads to {info.linkname!r}")
            self._links.append((info.linkname, path))
        elif content is None:
            os.makedirs(path, exist_ok=True)
            os.chmod(path, info.mode & 0o755 | 0o700)
        elif not member.name:
            raise refused(info.name, "it is a file")
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            _write(path, content, _mode(info.mode), info.mtime)

    def finish(self) -> None:
        """All is there: make the links. Raises UserErrorException for an archive cut short."""
        if not self._whole:
            raise damaged(EOFError("it ends too early"))
        links = {path for _, path in self._links}
        for target, path in self._links:
            if _is_below(path, links):
                raise refused(os.path.relpath(path, self.staged.path), "it lies behind a link")
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                os.symlink(target, path)
            except (FileExistsError, NotADirectoryError) as error:
                raise refused(
                    os.path.relpath(path, self.staged.path), "its name is taken"
                ) from error


def _is_below(path: str, links: set[str]) -> bool:
    """Whether a folder of that path is a link: where ``..`` leads from there is not to be told."""
    above = os.path.dirname(path)
    while above != os.path.dirname(above):
        if above in links:
            return True
        above = os.path.dirname(above)
    return False


def _record(info: Any, content: BinaryIO) -> dict[str, Any]:
    if info.size > members.RECORD_BYTES:
        raise refused(info.name, f"it has {info.size} bytes")
    found = json.loads(content.read())
    if not isinstance(found, dict):
        raise refused(info.name, "it is no JSON object")
    return found


def _mode(mode: int) -> int:
    """Nothing that others may write to, no setuid."""
    return mode & 0o755 | 0o600


def _write(path: str, content: BinaryIO, mode: int, modified: float) -> str:
    """Write a new file; returns the hash of its content. Raises OSError, also where one is."""
    digest = blake3()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, mode | 0o200), "wb") as target:
        while chunk := content.read(_CHUNK_BYTES):
            digest.update(chunk)
            target.write(chunk)
        target.flush()
        if not mode & 0o200:
            os.fchmod(target.fileno(), mode)
        os.utime(target.fileno(), (modified, modified))
    return digest.hexdigest()
