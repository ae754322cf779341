"""The snapshot of a run: taking one, and getting its files back (spec 12.7)."""

import contextlib
import os

from runyard.errors import RunEnvironmentException, SnapshotException
from runyard.job import context
from runyard.job.label_methods import LabelMethods
from runyard.record import unwritten

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, Optional, Tuple
    from zipfile import ZipFile

_COMMAND = "runyard.history.snapshots_cli"


class SnapshotMethods(LabelMethods):
    """A run has at most one snapshot."""

    def get_snapshot_id(self) -> "Optional[str]":
        """The id of the run's snapshot, or None."""
        return self.get_properties().get("ContentSnapshotId")

    def take_snapshot(self, file_or_folder_path: str) -> str:
        """Store a file or folder as the snapshot of this run; returns its id.

        Raises SnapshotException for a second one, and RunEnvironmentException in a script that
        was not started by runyard: storing needs more than the standard library.
        """
        existing = self.get_snapshot_id()
        if existing is not None:
            raise SnapshotException(
                "run {} has the snapshot {} already; a run has one".format(self.id, existing)
            )
        with self._stored_snapshot(file_or_folder_path) as snapshot_id:
            self.add_properties({"ContentSnapshotId": snapshot_id})
        return snapshot_id

    @contextlib.contextmanager
    def _stored_snapshot(self, path: str) -> "Iterator[str]":
        """Let the runyard of the submitter do it, in its own interpreter.

        Within, `runyard gc` does not remove it again.
        """
        import subprocess
        import tempfile

        python = os.environ.get(context.PYTHON)
        if not python:
            raise RunEnvironmentException(
                "take_snapshot needs runyard itself, and {} does not say where it is: start this "
                "script with `runyard submit`, or run it where runyard is installed".format(
                    context.PYTHON
                )
            )
        command = [python, "-m", _COMMAND, self.directory.workspace.path, os.path.abspath(path)]
        with contextlib.ExitStack() as stack:
            said = stack.enter_context(tempfile.TemporaryFile("w+"))
            storing = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                env=_submitters_environment(),
                universal_newlines=True,
            )
            stack.enter_context(storing)  # at its end stdin is closed, and its end waited for
            snapshot_id = (storing.stdout.readline() if storing.stdout else "").strip()
            if not snapshot_id:
                storing.wait()
                said.seek(0)
                raise SnapshotException(
                    "the snapshot of {!r} was not stored: {}".format(path, said.read().strip())
                )
            yield snapshot_id

    def restore_snapshot(
        self, snapshot_id: "Optional[str]" = None, path: "Optional[str]" = None
    ) -> str:
        """Write a snapshot, by default the run's own, as a zip file; returns its path.

        ``path``: the folder it is put in, by default this one, or the path of the zip itself.
        Raises SnapshotException when there is no such snapshot.
        """
        wanted = snapshot_id or self.get_snapshot_id()
        if wanted is None:
            raise SnapshotException("run {} has no snapshot".format(self.id))
        workspace = self.directory.workspace
        manifest = workspace.manifest(wanted)
        if not os.path.isfile(manifest):
            raise SnapshotException("this workspace has no snapshot {!r}".format(wanted))
        target = path or os.getcwd()
        if not target.endswith(".zip"):
            target = os.path.join(target, wanted + ".zip")
        with unwritten.Writing("the snapshot of {} was not written".format(self.id), target):
            write_zip(manifest, workspace.blobs, target)
        return target


def write_zip(manifest_path: str, blobs: str, target: str) -> None:
    """Write the files of a snapshot, with their modes and symlinks, as a zip file."""
    import zipfile

    from runyard.record import workdir

    os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
    part = "{}.{}.part~".format(target, os.getpid())
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry in workdir.read_manifest(manifest_path):
                _add(archive, entry, blobs)
        os.rename(part, target)
    finally:
        if os.path.exists(part):
            os.unlink(part)


def _add(archive: "ZipFile", entry: "Tuple[str, str, int, str, int]", blobs: str) -> None:
    import stat
    import zipfile

    name, kind, mode, blob, _ = entry

    # Names that are not UTF-8 come as lone surrogates, which a zip file cannot hold.
    clean = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    info = zipfile.ZipInfo(clean + ("/" if kind == "d" else ""))
    info.compress_type = zipfile.ZIP_DEFLATED
    types = {"f": stat.S_IFREG, "l": stat.S_IFLNK, "d": stat.S_IFDIR}
    info.external_attr = (types[kind] | stat.S_IMODE(mode)) << 16
    if kind == "f":
        with open(os.path.join(blobs, blob[:2], blob), "rb") as stream:
            archive.writestr(info, stream.read())
    else:
        archive.writestr(info, blob if kind == "l" else "")


def _submitters_environment() -> "Dict[str, str]":
    """This environment without what leads an interpreter to the script's packages."""
    own = os.path.join(os.path.dirname(os.path.abspath(__file__)), "path")
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "VIRTUAL_ENV")}
    rest = [part for part in env.pop("PYTHONPATH", "").split(os.pathsep) if part and part != own]
    if rest:
        env["PYTHONPATH"] = os.pathsep.join(rest)
    return env
