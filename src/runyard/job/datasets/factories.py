"""``Dataset.File``: datasets of files (spec 15.3)."""

import fnmatch
import os

from runyard.errors import UserErrorException
from runyard.job.datasets import arguments, definition, folders, paths, service_client
from runyard.job.datasets.file import FileDataset
from runyard.job.datasets.partitions import PartitionFormat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional


class FileDatasetFactory:
    """Makes file datasets; ``Dataset.File``."""

    @staticmethod
    def from_files(
        path: "Any",
        validate: bool = True,
        partition_format: "Optional[str]" = None,
        is_file: bool = False,
    ) -> FileDataset:
        """A dataset of the files at a path; nothing is copied.

        ``path``: (datastore, 'folder/**/*.png'), a list of such tuples, a DataPath, a
        DataReference, or one or more URLs. ``validate``: see at once whether there is a file at
        each. ``partition_format``: columns in the paths, see `partitions`. ``is_file``: it is one
        file, and that is what a run that mounts it gets the path of. Raises UserErrorException for
        local paths, URLs with a SAS token, and, validated, for nothing at a path.
        """
        sources, directory = paths.sources_of(path)
        if partition_format is not None:
            PartitionFormat(partition_format)
        made = definition.of_files(sources, partition_format, bool(is_file))
        if validate:
            service_client.call("check", directory, definition=made)
        return FileDataset(made, directory)

    @staticmethod
    def upload_directory(
        src_dir: "Any",
        target: "Any",
        pattern: "Optional[str]" = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> FileDataset:
        """Store the files below a folder on a datastore; returns the dataset of them.

        ``target``: (datastore, 'folder') or a DataPath. ``pattern``: of their paths below
        ``src_dir``, such as '*.csv' (in every folder). A file that is there already is skipped, or
        replaced with ``overwrite``. Raises UserErrorException when there is no file to store.
        """
        folder = os.path.abspath(os.path.expanduser(os.fspath(src_dir)))
        names = _matching(folder, src_dir, pattern)
        store, path = paths.place_of(target)
        head = paths.inside(path)
        pairs = [
            (os.path.join(folder, name), head + "/" + name if head else name) for name in names
        ]
        if show_progress:
            print("Uploading an estimated of {} files".format(len(pairs)))
        directory = arguments.workspace_of(store.workspace)
        new = service_client.call(
            "put", directory, datastore=store.name, pairs=pairs, overwrite=bool(overwrite)
        )
        if show_progress:
            print("Uploaded {} files".format(sum(new)))
        return FileDatasetFactory.from_files((store, head + "/**" if head else "**"))


def _matching(folder: str, given: "Any", pattern: "Optional[str]") -> "List[str]":
    if not os.path.isdir(folder):
        raise UserErrorException(
            "src_dir={!r} is not a folder; give the folder whose files are to be uploaded".format(
                given
            )
        )
    found = [
        path
        for path, entry in folders.files(folder)
        if pattern is None or fnmatch.fnmatch(path, pattern) or fnmatch.fnmatch(entry.name, pattern)
    ]
    if not found:
        raise UserErrorException(
            "there is no file {}in src_dir={!r}; there is nothing to upload".format(
                "" if pattern is None else "like {!r} ".format(pattern), given
            )
        )
    return sorted(found)
