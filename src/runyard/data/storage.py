"""What every datastore object can do, whatever it stores in (spec 15.1)."""

from __future__ import annotations

import contextlib
import functools
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from runyard.data import names, registry, transfers
from runyard.data.progress import Progress, Silence
from runyard.data.stores.local import LocalStore
from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from runyard.data.reference import DataReference
    from runyard.data.stores.store import Entry, Store
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


class StorageDatastore(DatastoreMethods):
    """Named storage; ``azureml.data.azure_storage_datastore.AbstractAzureStorageDatastore``.

    ``container_name``: what of the storage it is, a folder, or a URL without secrets;
    ``account_name``: whose. ``is_sas``: whether it is reached with a SAS token. Secrets are in
    no attribute.
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
        self._is_sas = sas_token is not None

    @property
    def is_sas(self) -> bool:
        """Whether it is reached with a SAS token."""
        return self._is_sas

    @functools.cached_property
    def store(self) -> Store:
        """What its files are kept in. Raises UserErrorException when that cannot be opened."""
        return registry.store_of(self.workspace.directory, self.name)

    def local_path(self, path: str = "") -> str:
        """Where a path on the datastore lies on this machine; it need not exist.

        Raises UserErrorException for storage that is no folder of this machine, and for a path
        that leads outside.
        """
        registry.root(self.workspace.directory, self.name)
        store = self.store
        assert isinstance(store, LocalStore)
        return store.local_path(names.inside(path))

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
        return self._named_entries(self.store.entries(names.inside(path)))

    def _named_entries(self, entries: Iterable[Entry]) -> Iterator[str]:
        with self._named():
            for entry in entries:
                yield entry.path

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
        with self._named():
            self.store.check_writable()
        progress = Progress("Upload", len(pairs)) if shown else Silence()
        sources = {names.inside(f"{folder}/{name}"): source for source, name in pairs}
        with progress, self._named():
            self.store.put(
                [(source, path) for path, source in sources.items()],
                overwrite=overwrite,
                begun=lambda path: progress.begun(sources[path]),
                done=lambda entry, new: progress.done(sources[entry.path], entry.path, new),
            )
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
        inside = names.inside(prefix)
        with self._named():
            found = list(self.store.entries(inside))
        if not found:
            warnings.warn(
                f"datastore {self.name!r} has no file at or below {prefix or '.'!r}; nothing was "
                "downloaded",
                stacklevel=2,
            )
        folder = os.path.abspath(target_path)
        progress = Progress("Download", len(found)) if show_progress else Silence()
        with progress, self._named():
            self.store.fetch(
                [(entry, os.path.join(folder, entry.path)) for entry in found],
                overwrite=overwrite,
                done=lambda entry, new: progress.done(entry.path, entry.path, new),
            )
        return progress.count

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except UserErrorException as error:
            text = f"datastore {self.name!r}: {error.message}"
            raise UserErrorException(text, error.inner_exception) from error

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, container_name={self.container_name!r})"


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
