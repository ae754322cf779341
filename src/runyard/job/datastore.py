"""Datastores for scripts whose interpreter cannot run the client (spec 15.1).

Files are stored and fetched by runyard's own Python, as those of datasets are. Where the client
runs, scripts get its own datastores.
"""

import os

from runyard import _names
from runyard.job.datasets import arguments, paths, service_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional


class Datastore:
    """A datastore by its name: what a dataset is made of, and where files go to and come from.

    ``Datastore(workspace, name)``; without a name the default one. Raises UserErrorException when
    the workspace has none of that name.
    """

    def __init__(self, workspace: "Any", name: "Optional[str]" = None) -> None:
        self.workspace = workspace
        self.name: str = self._ask("name", given=name)

    @staticmethod
    def get(workspace: "Any", datastore_name: str) -> "Datastore":
        """The datastore of that name. Raises UserErrorException when there is none."""
        return Datastore(workspace, datastore_name)

    @staticmethod
    def get_default(workspace: "Any") -> "Datastore":
        """The default datastore."""
        return Datastore(workspace)

    def path(self, path: "Optional[str]" = None) -> "Place":
        """A place on it."""
        return Place(self, paths.inside(path))

    def upload(
        self,
        src_dir: str,
        target_path: "Optional[str]" = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> "Place":
        """Store all files below a folder under ``target_path``; returns where they are.

        A file that is there already is skipped, or replaced with ``overwrite``. Raises
        UserErrorException when ``src_dir`` is no folder.
        """
        return self._stored(
            "upload",
            src_dir=os.path.abspath(src_dir),
            target_path=target_path,
            overwrite=bool(overwrite),
            show_progress=bool(show_progress),
        )

    def upload_files(
        self,
        files: "List[str]",
        relative_root: "Optional[str]" = None,
        target_path: "Optional[str]" = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> "Place":
        """Store files under ``target_path``; see `upload`.

        ``relative_root``: the folder their paths are kept relative to, by default the one they
        have in common.
        """
        return self._stored(
            "upload_files",
            files=[os.path.abspath(file) for file in files],
            relative_root=None if relative_root is None else os.path.abspath(relative_root),
            target_path=target_path,
            overwrite=bool(overwrite),
            show_progress=bool(show_progress),
        )

    def _stored(self, method: str, **given: "Any") -> "Place":
        return Place(self, self._ask(method, given=self.name, **given) or "")

    def download(
        self,
        target_path: str,
        prefix: "Optional[str]" = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> int:
        """Copy files to a folder of this machine, under their paths; returns how many.

        ``prefix``: the file, or the folder, to copy, None for all. A file that is there already
        is skipped, or replaced with ``overwrite``.
        """
        found: int = self._ask(
            "download",
            given=self.name,
            target_path=os.path.abspath(target_path),
            prefix=prefix,
            overwrite=bool(overwrite),
            show_progress=bool(show_progress),
        )
        return found

    def _ask(self, method: str, given: "Optional[str]", **more: "Any") -> "Any":
        directory = arguments.workspace_of(self.workspace)
        return service_client.call(
            "datastore", directory, datastore=given, method=method, arguments=more
        )

    def __repr__(self) -> str:
        return "Datastore(name={!r})".format(self.name)


class Place:
    """A path on a datastore, such as ``Dataset.File.from_files`` takes."""

    def __init__(self, datastore: Datastore, path: str) -> None:
        self.datastore = datastore
        self.path_on_datastore: "Optional[str]" = path or None

    def __repr__(self) -> str:
        return "Place({!r}, {!r})".format(self.datastore.name, self.path_on_datastore)


def default_of(workspace: "Any") -> "Any":
    """The default datastore of a workspace a script has: the client's where it runs."""
    return _names.get("Datastore").get_default(workspace)


def all_of(workspace: "Any") -> "Dict[str, Any]":
    """The datastores of a workspace by name."""
    directory = arguments.workspace_of(workspace)
    found = service_client.call("datastore", directory, datastore=None, method="list", arguments={})
    return {name: _names.get("Datastore").get(workspace, name) for name in found}
