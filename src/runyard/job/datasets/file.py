"""``FileDataset``: files of datastores and URLs (spec 15.3)."""

import os
import shutil

from runyard import _names
from runyard.errors import UserErrorException
from runyard.job.datasets import expressions, selection
from runyard.job.datasets.dataset import AbstractDataset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

_METADATA = ("Size", "Extension", selection.MODIFIED, "CanSeek")


class FileDataset(AbstractDataset):
    """Files, each at a path below the input; made by ``Dataset.File.from_files``."""

    def to_path(self) -> "List[str]":
        """The paths of its files, each led by '/'."""
        return ["/" + file["path"] for file in self._files()]

    def _files(self) -> "List[Dict[str, Any]]":
        found = super()._files()
        if self._staged is None:
            return found
        # The runner has taken the steps of the input; those of its parts are taken here.
        done = self._staged["steps"]
        return selection.chosen(found, self._definition["steps"], self._values, done)

    def _values(self, file: "Dict[str, Any]") -> "Dict[str, Any]":
        parsed = self._partition()
        values = parsed.typed(file["values"]) if parsed else {}
        return selection.file_values(dict(file, values=values))

    def download(
        self,
        target_path: "Optional[str]" = None,
        overwrite: bool = False,
        ignore_not_found: bool = False,
    ) -> "List[str]":
        """Copy its files below a folder, None for a new temporary one; returns their paths.

        Raises UserErrorException when one is there already, unless ``overwrite``; nothing is
        copied then. ``ignore_not_found``: a file that has vanished is left out.
        """
        folder = _folder(target_path)
        files = self._files()
        targets = [os.path.join(folder, *file["path"].split("/")) for file in files]
        if not overwrite:
            _check_free(targets)
        sources = self._localized(files)
        kept = []
        for source, target in zip(sources, targets):
            try:
                _copy(source, target)
                kept.append(target)
            except OSError as error:
                if os.path.lexists(source):
                    raise UserErrorException(
                        "{!r} could not be copied to {!r}: {}; make room, or give another "
                        "target_path".format(source, target, error.strerror or error),
                        error,
                    )
                if not ignore_not_found:
                    raise UserErrorException(
                        "{!r} is no longer there; give ignore_not_found=True to go on without "
                        "it".format(source)
                    )
        return kept

    def mount(self, mount_point: "Optional[str]" = None, **kwargs: "Any") -> "Any":
        """A context manager that shows its files below a folder: ``with dataset.mount() as m:``.

        ``mount_point``: an empty folder or one that is made, None for a temporary one. ``start()``
        and ``stop()`` do the same; ``m.mount_point`` is the folder. Files are links to where they
        lie, or to copies of what is in a remote store; they are for reading.
        """
        from runyard.job.datasets.view import View

        return View(self, mount_point)

    def as_mount(self, path_on_compute: "Optional[str]" = None) -> "Any":
        """The dataset as an input of a run that sees its files in place, read-only."""
        return self._input("mount", path_on_compute)

    def as_download(self, path_on_compute: "Optional[str]" = None) -> "Any":
        """The dataset as an input of a run that gets a copy of its files."""
        return self._input("download", path_on_compute)

    def as_hdfs(self) -> "Any":
        """The dataset as an input of a Spark job."""
        return self._input("hdfs", None)

    def _input(self, mode: str, path: "Optional[str]") -> "Any":
        config = _names.load("runyard.data.consumption:DatasetConsumptionConfig")
        return config(None, self, mode, path)

    def file_metadata(self, col: str) -> expressions.Expression:
        """What is known of a file, for `filter`: 'Size' (bytes), 'Extension', 'LastModifiedTime'
        (a datetime in UTC, where the storage tells it) or 'CanSeek'.

        Raises UserErrorException for another name.
        """
        if col not in _METADATA:
            why = "no storage tells it" if col == "CreatedTime" else "it is not known of files"
            raise UserErrorException(
                "file_metadata({!r}): {}; there is {}".format(
                    col, why, ", ".join(map(repr, _METADATA))
                )
            )
        return expressions.column(col)

    def __getitem__(self, key: str) -> expressions.Expression:
        """A column of its partition format, for `filter`."""
        return expressions.column(key)

    def filter(self, expression: expressions.Expression) -> "FileDataset":
        """The files for which an expression is true, such as ``d.file_metadata('Size') > 1000``."""
        return self._stepped("filter", expression=expressions.checked(expression))

    def as_cache(self, datacache_store: "Any") -> "Any":
        """Not here: there is no cache service."""
        raise _no_cache("as_cache")

    def hydrate(self, datacache_store: "Any", replica_count: "Optional[int]" = None) -> "Any":
        """Not here: there is no cache service."""
        raise _no_cache("hydrate")


def _no_cache(name: str) -> UserErrorException:
    return UserErrorException(
        "{} is not here: there is no cache service. What a run reads of remote storage is kept "
        "on its machine and used again; as_mount() is all it takes".format(name)
    )


def _folder(target: "Optional[str]") -> str:
    if target is None:
        import tempfile

        return tempfile.mkdtemp(prefix="runyard-dataset-")
    return os.path.abspath(os.path.expanduser(os.fspath(target)))


def _check_free(targets: "List[str]") -> None:
    taken = next((target for target in targets if os.path.lexists(target)), None)
    if taken is not None:
        raise UserErrorException(
            "{!r} exists already; give overwrite=True to replace it, or another target_path".format(
                taken
            )
        )


def _copy(source: str, target: str) -> None:
    """Whole or not at all: it takes its name when all of it is there."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    part = "{}.{}.part~".format(target, os.getpid())
    try:
        shutil.copyfile(source, part)
        os.replace(part, target)
    finally:
        if os.path.lexists(part):
            os.unlink(part)
