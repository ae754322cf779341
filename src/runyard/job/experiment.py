"""The experiment and the workspace of a run, as far as a script needs them."""

import os

from runyard import _names
from runyard.job import interactive
from runyard.record import jsonl
from runyard.record.layout import WorkspaceDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, Optional


class JobWorkspace:
    """Names a workspace; all else about it needs runyard installed in the script's environment."""

    subscription_id = "local"
    resource_group = "local"
    location = "local"

    def __init__(self, directory: WorkspaceDirectory) -> None:
        self.path = directory.path
        self._directory = directory

    @property
    def name(self) -> str:
        """The name in workspace.json; the folder's where there is none."""
        try:
            found = jsonl.read_json(self._directory.workspace_json).get("name")
        except (OSError, ValueError):
            found = None
        return str(found or os.path.basename(self.path))

    @property
    def datasets(self) -> "Dict[str, Any]":
        """The latest version of every registered dataset, by name."""
        from runyard.job.dataset_methods import registered

        return registered(self)

    @property
    def datastores(self) -> "Dict[str, Any]":
        """The datastores by name, the four built-in ones first."""
        from runyard.job import datastore

        return datastore.all_of(self)

    def get_default_datastore(self) -> "Any":
        """The default datastore: ``workspaceblobstore`` until another is chosen."""
        from runyard.job import datastore

        return datastore.default_of(self)

    def get_default_keyvault(self) -> "Any":
        """The secrets of the workspace."""
        from runyard.job.keyvault import Keyvault

        return Keyvault(self._directory)

    def __getattr__(self, name: str) -> "Any":
        return _of_client("Workspace", name, lambda: _client_workspace(self.path))

    def __repr__(self) -> str:
        return "Workspace(Name: {}, Path: {})".format(self.name, self.path)


class JobExperiment:
    """The experiment of a run: ``name`` and ``workspace``, its runs, and new interactive ones."""

    def __init__(self, directory: WorkspaceDirectory, name: str) -> None:
        self.name = name
        self._directory = directory

    @property
    def workspace(self) -> JobWorkspace:
        """The workspace it belongs to."""
        return JobWorkspace(self._directory)

    @property
    def id(self) -> str:
        """Its name: no two experiments of a workspace have the same."""
        return self.name

    def get_runs(self, include_children: bool = False) -> "Iterator[Any]":
        """Its runs, newest first; those with a parent only when asked for."""
        from runyard.job.run import Run

        folder = self._directory.experiment(self.name)
        ids = os.listdir(folder) if os.path.isdir(folder) else []
        runs = [Run(self._directory.run(self.name, name)) for name in ids]
        records = [(run._run_json(), run) for run in runs if os.path.exists(run.directory.run_json)]
        records.sort(key=lambda pair: float(pair[0].get("created", 0)), reverse=True)
        for record, run in records:
            if include_children or not record.get("parent"):
                yield run

    def start_logging(  # noqa: PLR0917
        self,
        name: "Optional[str]" = None,
        run_id: "Optional[str]" = None,
        outputs: "Optional[str]" = "./outputs",
        snapshot_directory: "Optional[str]" = None,
        display_name: "Optional[str]" = None,
        tags: "Optional[Dict[str, Any]]" = None,
    ) -> "Any":
        """Start an interactive run (spec 11); a script takes no snapshot unless told to."""
        from runyard.job.run import Run

        if outputs:
            os.makedirs(outputs, exist_ok=True)
        run = Run(
            interactive.start(
                self._directory,
                self.name,
                run_id=run_id,
                display_name=display_name or name,
                tags=tags,
                outputs=outputs or None,
            )[0]
        )
        if snapshot_directory is not None:
            run.take_snapshot(snapshot_directory)
        return run

    def __getattr__(self, name: str) -> "Any":
        return _of_client("Experiment", name, self._client)

    def _client(self) -> "Any":
        client = _names.load(_names.NAMES["Experiment"])
        return client(_client_workspace(self._directory.path), self.name)

    def __repr__(self) -> str:
        return "Experiment(Name: {},\nWorkspace: {})".format(self.name, self.workspace.name)


def _client_workspace(path: str) -> "Any":
    return _names.load(_names.NAMES["Workspace"]).at(path)


def _of_client(kind: str, name: str, make: "Callable[[], Any]") -> "Any":
    """An attribute of the client's object. Raises AttributeError where there is no client."""
    missing = "this {} has no attribute {!r}".format(kind, name)
    if name.startswith("_"):
        raise AttributeError(missing)
    try:
        client = make()
    except _names.MissingClientError as error:
        raise AttributeError("{} here. {}".format(missing, error))
    return getattr(client, name)
