"""What every datastore object can do, whatever it stores in (spec 15.1)."""

from __future__ import annotations

import abc
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from runyard.data import names, registry, transfers
from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from runyard.data.reference import DataReference
    from runyard.history.workspace import Workspace


class DatastoreMethods:
    """What ``Datastore`` and datastore objects share."""

    workspace: Workspace
    name: str

    def set_as_default(self) -> None:
        """Make it the default datastore of its workspace."""
        registry.set_default(self.workspace.directory, self.name)

    def unregister(self) -> None:
        """Forget the registration; the files stay.

        Raises UserErrorException for a built-in datastore that was not registered anew.
        """
        registry.remove(self.workspace.directory, self.name)


class StorageDatastore(DatastoreMethods, abc.ABC):
    """Named storage; ``azureml.data.azure_storage_datastore.AbstractAzureStorageDatastore``.

    ``container_name``: what of the storage it is, ``account_name``: whose. Secrets are never
    kept. A kind of storage has four methods: ``local_path``, ``_stored``, ``_put``, ``_fetch``.
    """

    def __init__(  # noqa: PLR0917
        self,
        workspace: Workspace,
        name: str,
        datastore_type: str,
        container_name: str,
        account_name: str | None,
        sas_token: str | None = None,
        account_key: str | None = None,
        protocol: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        self.workspace = workspace
        self.name = name
        self.datastore_type = datastore_type
        self.container_name = container_name
        self.account_name = account_name
        self.protocol = protocol
        self.endpoint = endpoint

    @property
    def is_sas(self) -> bool:
        """Whether it is reached with a SAS token: never, none is kept."""
        return False

    @abc.abstractmethod
    def local_path(self, path: str = "") -> str:
        """Where a path on the datastore lies on this machine; it need not exist."""

    @abc.abstractmethod
    def _stored(self, prefix: str) -> Iterator[str]:
        """The paths on the datastore of the files that are, or lie below, ``prefix``."""

    @abc.abstractmethod
    def _put(self, source: str, path: str, overwrite: bool) -> bool:
        """Store a file, whole or not at all; False when there is one already, and it stays."""

    @abc.abstractmethod
    def _fetch(self, path: str, target: str, overwrite: bool) -> bool:
        """Copy a file out, whole or not at all; False when the target is there, and stays."""

    def path(
        self, path: str | None = None, data_reference_name: str | None = None
    ) -> DataReference:
        """A reference to a path on the datastore, None for all of it."""
        from runyard.data.reference import DataReference

        return DataReference(self, data_reference_name, path)

    def as_mount(self) -> DataReference:
        """A reference to all of it, in the mode mount."""
        return self.path().as_mount()

    def as_download(self, path_on_compute: str | None = None) -> DataReference:
        """A reference to all of it, in the mode download."""
        return self.path().as_download(path_on_compute)

    def as_upload(self, path_on_compute: str | None = None) -> DataReference:
        """A reference to all of it, in the mode upload."""
        return self.path().as_upload(path_on_compute)

    def files(self, path: str | None = None) -> Iterator[str]:
        """The paths of its files, all or those at or below ``path``, in order."""
        return self._stored(names.inside(path))

    def upload(
        self,
        src_dir: str | os.PathLike[str],
        target_path: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> DataReference:
        """Store all files below a folder under ``target_path``; returns a reference to that.

        A file that is there already is skipped, or replaced with ``overwrite``. Raises
        UserErrorException when ``src_dir`` is no folder.
        """
        folder = os.path.abspath(os.path.expanduser(src_dir))
        if not os.path.isdir(folder):
            raise UserErrorException(
                f"src_dir={os.fspath(src_dir)!r} is not a folder; give the folder whose files are "
                "to be uploaded, or name files with upload_files"
            )
        strange: list[str] = []
        found = list(transfers.files(folder, strange))
        if strange:
            warnings.warn(
                f"not uploaded, since they are neither files nor folders: {', '.join(strange)}",
                stacklevel=2,
            )
        pairs = [(os.path.join(folder, name), name) for name in found]
        return self._upload(pairs, target_path, overwrite, show_progress)

    def upload_files(
        self,
        files: Sequence[str | os.PathLike[str]],
        relative_root: str | os.PathLike[str] | None = None,
        target_path: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> DataReference:
        """Store files under ``target_path``; returns a reference to that.

        ``relative_root``: the folder their paths are kept relative to, by default the one they
        have in common. A file that is there already is skipped, or replaced with ``overwrite``.
        Raises UserErrorException when one is missing, or does not lie below ``relative_root``.
        """
        found = [_existing_file(file) for file in _checked_list(files)]
        base = _common_folder(found) if relative_root is None else os.path.abspath(relative_root)
        pairs = [(file, _below(file, base)) for file in found]
        return self._upload(pairs, target_path, overwrite, show_progress)

    def _upload(
        self, pairs: list[tuple[str, str]], target: str | None, overwrite: bool, shown: bool
    ) -> DataReference:
        folder = _target(target)
        say = _say if shown else _silent
        say(f"Uploading an estimated of {len(pairs)} files")
        count = 0
        for source, name in pairs:
            path = f"{folder}/{name}" if folder else name
            say(f"Uploading {source}")
            if self._put(source, names.inside(path), overwrite):
                count += 1
                say(f"Uploaded {source}, {count} files out of an estimated total of {len(pairs)}")
            else:
                say(f"Target already exists. Skipping upload for {path}")
        say(f"Uploaded {count} files")
        return self.path(folder or None)

    def download(
        self,
        target_path: str | os.PathLike[str],
        prefix: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> int:
        """Copy files to a folder of this machine, under their paths; returns how many.

        ``prefix``: the file, or the folder, to copy, None for all. A file that is there already
        is skipped, or replaced with ``overwrite``. Warns when there is nothing to copy.
        """
        say = _say if show_progress else _silent
        found = list(self.files(prefix))
        if not found:
            warnings.warn(
                f"datastore {self.name!r} has no file at or below {prefix or '.'!r}; nothing was "
                "downloaded",
                stacklevel=2,
            )
        count = 0
        for name in found:
            say(f"Downloading {name}")
            if self._fetch(name, os.path.join(os.path.abspath(target_path), name), overwrite):
                count += 1
                say(f"Downloaded {name}, {count} files out of an estimated total of {len(found)}")
            else:
                say(f"Target already exists. Skipping download for {name}")
        return count

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, container_name={self.container_name!r})"


def _say(text: str) -> None:
    """Print a line; names may be bytes that stdout has no letters for."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def _silent(text: str) -> None:
    """Instead of `_say`."""


def _target(path: str | None) -> str:
    """A target path as SDK v1 reads it: ``./``, ``../`` and ``/`` at its front do not count."""
    if path is None:
        return ""
    parts = PurePosixPath(os.fspath(path)).parts
    first = next((i for i, part in enumerate(parts) if part not in ("/", "//", "..")), len(parts))
    return names.inside("/".join(parts[first:]))


def _checked_list(files: object) -> list[str | os.PathLike[str]]:
    if isinstance(files, (list, tuple)):
        return list(files)
    raise UserErrorException(
        f"files is {files!r} of type {type(files).__name__}; give a list of paths, such as "
        "['data/train.csv']"
    )


def _existing_file(file: str | os.PathLike[str]) -> str:
    path = os.path.abspath(os.path.expanduser(file))
    if not os.path.isfile(path):
        raise UserErrorException(
            f"there is no file {os.fspath(file)!r} to upload; give paths of files, and folders to "
            "upload(src_dir)"
        )
    return path


def _common_folder(files: list[str]) -> str:
    return os.path.commonpath([os.path.dirname(file) for file in files]) if files else os.curdir


def _below(file: str, base: str) -> str:
    name = os.path.relpath(file, base)
    if name.split(os.sep, 1)[0] == os.pardir:
        raise UserErrorException(
            f"{file!r} does not lie below relative_root={base!r}; give a folder above all files"
        )
    return name
