"""Where the secrets of a workspace are kept, and the file they are kept in.

The file is ``<folder>/<workspace id>/secrets.json``, mode 0600 in folders of mode 0700, whatever
the umask: by default below ``~/.local/share/runyard/keyvaults`` (``$XDG_DATA_HOME`` counts). It is
not in the workspace, because workspaces are copied, shared and read by others, and a secret is not
part of what a run was. A container sees the folder of its own workspace, at the same path.
"""

import fcntl
import os
import sys

from runyard.errors import UserErrorException
from runyard.record import jsonl
from runyard.record.layout import WorkspaceDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, Mapping

VARIABLE = "RUNYARD_KEYVAULT"
"""The setting ``keyvault``; the runner hands it to scripts, which may be too old to read it."""
OF_ANOTHER = "-of-another"
"""Ends the id of a workspace that another user made, in the names of what we keep for it."""
KEYRING = "keyring"
"""The value of the setting that means the keyring of the system."""


def where() -> str:
    """The folder of all keyvaults, absolute, or ``keyring``. Raises UserErrorException."""
    value = os.environ.get(VARIABLE)
    place = "the variable " + VARIABLE
    if not value and sys.version_info >= (3, 8):  # below, the runner has said so by the variable
        from runyard import settings

        found = settings.get("keyvault")
        if found is not None:
            value, place = found.value, found.where
    if not value:
        return default()
    folder = os.path.expanduser(value)
    if value == KEYRING or os.path.isabs(folder):
        return folder
    raise UserErrorException(
        "{} is {!r}; give {!r}, an absolute path, or one that begins with ~/".format(
            place, value, KEYRING
        )
    )


def default() -> str:
    """The folder of all keyvaults where the setting says nothing."""
    data = os.environ.get("XDG_DATA_HOME", "")
    home = data if os.path.isabs(data) else os.path.expanduser("~/.local/share")
    return os.path.join(home, "runyard", "keyvaults")


def folder_of(workspace: WorkspaceDirectory) -> str:
    """The folder with the secrets of a workspace; it need not exist."""
    return os.path.join(where(), workspace_id(workspace))


def workspace_id(workspace: WorkspaceDirectory) -> str:
    """The id by which secrets are kept, usable as the name of a folder. Raises UserErrorException.

    That of the workspace, and of one of another user with an ending: whoever makes a workspace
    chooses its id, and must not get at the secrets of ours by writing our id into it.
    """
    try:
        found = str(jsonl.read_json(workspace.workspace_json).get("id") or "")
    except (OSError, ValueError) as error:
        raise UserErrorException("{} is not a workspace: {}".format(workspace.path, error))
    if not found.isalnum():
        raise UserErrorException(
            "{} has no usable id, by which its secrets are found".format(workspace.workspace_json)
        )
    try:
        own = os.stat(workspace.workspace_json).st_uid == os.geteuid()
    except OSError:
        own = False
    return found if own else found + OF_ANOTHER


def make_folder(path: str) -> None:
    """Make a folder that only its owner can look into, and what is missing above it, as well."""
    if os.path.isdir(path):
        return
    make_folder(os.path.dirname(path))
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return
    os.chmod(path, 0o700)  # whatever the umask


class SecretFile:
    """Secrets by name, in one file. Changes are made one after the other, and readers see whole
    files: law of every store of secrets, of which this is the simplest.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.path = os.path.join(folder, "secrets.json")

    def read(self) -> "Dict[str, str]":
        """All secrets; {} while there are none. Raises UserErrorException, which names none."""
        try:
            with open(self.path, "rb") as stream:
                return parsed(stream.read(), self.path)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise UserErrorException(
                "the secrets in {} cannot be read: {}".format(self.path, error.strerror)
            )

    def change(self, given: "Mapping[str, str]", removed: "Iterable[str]" = ()) -> None:
        """Set some secrets and remove others; on disk when this returns.

        Raises UserErrorException when the folder cannot be written to.
        """
        try:
            make_folder(self._folder)
            with locked(self._folder):
                secrets = self.read()
                secrets.update(given)
                for name in removed:
                    secrets.pop(name, None)
                self._write(serialised(secrets))
        except OSError as error:
            raise UserErrorException(
                "secrets cannot be kept in {}: {}; choose another place with the setting "
                "keyvault".format(self._folder, error.strerror)
            )

    def _write(self, content: bytes) -> None:
        part = "{}.{}.part".format(self.path, os.getpid())
        try:
            os.unlink(part)  # of a process that was killed and had the same number
        except FileNotFoundError:
            pass
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as stream:
                os.fchmod(descriptor, 0o600)
                stream.write(content)
                stream.flush()
                os.fsync(descriptor)
            os.rename(part, self.path)
        except BaseException:
            os.unlink(part)
            raise
        jsonl.sync_file(self._folder)


def locked(folder: str) -> "_Lock":
    """One change of a store of secrets at a time: a context. Raises OSError."""
    return _Lock(folder)


class _Lock:
    """Not of contextlib, which every runner would import with this (half a millisecond)."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        self._fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        except BaseException:
            os.close(self._fd)
            raise

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def serialised(secrets: "Mapping[str, str]") -> bytes:
    """Secrets as they are stored."""
    import json  # by no runner on its way to the script

    return json.dumps({"format": 1, "secrets": secrets}, indent=1, sort_keys=True).encode("ascii")


def parsed(content: bytes, place: str) -> "Dict[str, str]":
    """What `serialised` was given. Raises UserErrorException, which shows nothing of it."""
    import json

    try:
        found = json.loads(content.decode("ascii"))
        if found["format"] != 1:
            raise UserErrorException("{} was written by a newer runyard".format(place))
        return {str(name): str(value) for name, value in found["secrets"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        message = "{} is damaged; remove it and set its secrets again".format(place)
    raise UserErrorException(message)  # outside: what went wrong holds the text
