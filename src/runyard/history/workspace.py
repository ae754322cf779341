"""``Workspace``: a folder ``.runyard`` in which all history lives (spec 10)."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import time
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard import _names
from runyard.errors import UserErrorException, WorkspaceException
from runyard.history import workspace_folder as folder
from runyard.history import workspace_search as search
from runyard.history.damaged_runs import warn_of_doubtful
from runyard.history.entry import Entry
from runyard.history.index import Index
from runyard.history.index_query import Query
from runyard.history.reconcile import reconcile
from runyard.history.run_folders import experiment_names
from runyard.history.workspace_data import WorkspaceData
from runyard.history.workspace_deployments import WorkspaceDeployments
from runyard.history.workspace_details import WorkspaceDetails
from runyard.history.workspace_housekeeping import WorkspaceHousekeeping
from runyard.record.layout import WorkspaceDirectory
from runyard.record.states import Status

if TYPE_CHECKING:
    from runyard.history.experiment import Experiment
    from runyard.history.model import Model
    from runyard.history.run import Run
    from runyard.job.keyvault import Keyvault

_RECONCILE_INTERVAL_S = 5.0
_NOT_KEPT = frozenset(("name", "auth", "path", "exist_ok", "show_output"))


class Workspace(WorkspaceData, WorkspaceDeployments, WorkspaceDetails, WorkspaceHousekeeping):
    """All experiments, runs and models of a project.

    ``Workspace(subscription_id, resource_group, workspace_name)`` opens the nearest workspace of
    that name in the current folder or above, as ``Workspace.get`` does; what belongs to the cloud
    is kept and given back, and means nothing else. Opening one ends the runs in it whose
    processes are gone. Raises WorkspaceException when there is none, or its format is newer.
    """

    def __init__(  # noqa: PLR0917
        self,
        subscription_id: str | None,
        resource_group: str | None,
        workspace_name: str,
        auth: Any = None,
        _location: str | None = None,
        _disable_service_check: bool = False,
        _workspace_id: str | None = None,
        sku: str = "basic",
        tags: Mapping[str, str] | None = None,
        _cloud: str = "AzureCloud",
    ) -> None:
        self._open(search.by_name(workspace_name))
        self._given({"subscription_id": subscription_id, "resource_group": resource_group})

    def _given(self, cloud: Mapping[str, Any]) -> None:
        """What code or a config.json says of the cloud, where the workspace was made without."""
        kept = {key: cloud[key] for key in search.CLOUD_KEYS if cloud.get(key)}
        self._content = {**kept, **self._content}

    def _open(self, directory: WorkspaceDirectory) -> None:
        self._directory = directory
        self._content: dict[str, Any] = folder.read(directory)
        self._index = Index(directory)
        self._silent: frozenset[str] = frozenset()
        self._reconciled_at = -_RECONCILE_INTERVAL_S
        self.reconcile()

    @classmethod
    def at(cls, directory: WorkspaceDirectory | str | os.PathLike[str]) -> Workspace:
        """The workspace of a folder. Raises WorkspaceException when it is none."""
        if not isinstance(directory, WorkspaceDirectory):
            directory = folder.folder_at(directory)
        workspace = cls.__new__(cls)
        workspace._open(directory)
        return workspace

    @staticmethod
    def create(  # noqa: PLR0917
        name: str,
        auth: Any = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        location: str | None = None,
        create_resource_group: bool = True,
        sku: str = "basic",
        tags: Mapping[str, str] | None = None,
        friendly_name: str | None = None,
        storage_account: str | None = None,
        key_vault: str | None = None,
        app_insights: str | None = None,
        container_registry: str | None = None,
        adb_workspace: str | None = None,
        primary_user_assigned_identity: str | None = None,
        cmk_keyvault: str | None = None,
        resource_cmk_uri: str | None = None,
        hbi_workspace: bool = False,
        default_cpu_compute_target: Any = None,
        default_gpu_compute_target: Any = None,
        private_endpoint_config: Any = None,
        private_endpoint_auto_approval: bool = True,
        exist_ok: bool = False,
        show_output: bool = True,
        user_assigned_identity_for_cmk_encryption: str | None = None,
        system_datastores_auth_mode: str = "accessKey",
        v1_legacy_mode: bool | None = None,
        path: str | os.PathLike[str] | None = None,
    ) -> Workspace:
        """Make a workspace in ``path``/.runyard, by default in the current folder.

        ``path`` may be the workspace folder itself; without it, RUNYARD_WORKSPACE says where.
        ``location``, ``sku``, ``subscription_id`` and the like are kept with the workspace and
        have no other effect; ``auth`` is not kept. Raises UserErrorException for a bad name,
        WorkspaceException when there is one already (unless ``exist_ok``, and it has that name)
        or the folder cannot be written.
        """
        metadata = _given(locals())
        place = path or os.environ.get(search.VARIABLE) or Path.cwd()
        directory = folder.folder_at(place)
        made = folder.make(directory, name, metadata)
        found = folder.read(directory)["name"]
        if not made and (not exist_ok or found != name):
            here = Path(directory.path).parent
            same = "pass exist_ok=True to use it"
            way_out = same if found == name else search.make_below(here, name)
            raise WorkspaceException(
                f"there is a workspace {found!r} already in {directory.path}; {way_out}"
            )
        return Workspace.at(directory)

    @staticmethod
    def get(  # noqa: PLR0917
        name: str,
        auth: Any = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        location: str | None = None,
        cloud: str = "AzureCloud",
        id: str | None = None,
    ) -> Workspace:
        """The nearest workspace of that name, in the current folder or above.

        Also the one in a folder of its name there: ``Workspace.create("prod", path="prod")``.
        RUNYARD_WORKSPACE wins. Raises WorkspaceException, saying which workspaces are there.
        """
        return Workspace(subscription_id, resource_group, name)

    @staticmethod
    def from_config(
        path: str | os.PathLike[str] | None = None,
        auth: Any = None,
        _logger: Any = None,
        _file_name: str | None = None,
    ) -> Workspace:
        """The nearest workspace, in ``path`` (default: the current folder) or above.

        A ``config.json`` of SDK v1 found first (in ``.azureml``, ``aml_config`` or plain) names
        it: it is opened, or made, beside that file. Without ``path``, RUNYARD_WORKSPACE wins,
        and where nothing is found a workspace is made in the current folder; a notice says so.
        Raises UserErrorException when a ``path`` that was given does not exist, or nothing is
        found from there.
        """
        if path is None:
            named = search.from_variable()
            if named is not None:
                return Workspace.at(named)
        start = Path.cwd() if path is None else Path(path).expanduser().absolute()
        if path is not None and not start.exists():
            raise UserErrorException(
                f"there is no file or folder {str(start)!r}; give the path of a config.json, or a "
                "folder to begin the search in"
            )
        found = _of_file(start) if start.is_file() else search.search(start, _file_name)
        if isinstance(found, search.Config):
            workspace = Workspace.at(search.open_config(found))
            workspace._given(found.content)
            return workspace
        if found is None and path is not None:
            raise UserErrorException(
                f"no workspace in {start} or above: neither .runyard/workspace.json nor "
                f".azureml/{_file_name or search.CONFIG_FILE} was found. Make one: "
                f"Workspace.create('NAME', path={str(path)!r})"
            )
        return Workspace.at(found or search.make_default(start))

    def write_config(
        self, path: str | os.PathLike[str] | None = None, file_name: str | None = None
    ) -> None:
        """Write ``<path>/.azureml/config.json``, by which ``from_config`` finds this workspace."""
        place = Path(path or ".").absolute()
        target = place / ("aml_config" if (place / "aml_config").is_dir() else ".azureml")
        target.mkdir(parents=True, exist_ok=True)
        content = {
            "subscription_id": self._content.get("subscription_id"),
            "resource_group": self._content.get("resource_group"),
            "workspace_name": self.name,
            search.PATH_KEY: os.path.relpath(self.path, place),
        }
        (target / (file_name or search.CONFIG_FILE)).write_text(json.dumps(content, indent=4))

    @staticmethod
    def list(
        subscription_id: str | None = None, auth: Any = None, resource_group: str | None = None
    ) -> dict[str, list[Workspace]]:
        """The workspaces in the current folder and above, by name."""
        found: dict[str, list[Workspace]] = {}
        for directory in search.above(Path.cwd()):
            workspace = Workspace.at(directory)
            found.setdefault(workspace.name, []).append(workspace)
        return found

    def delete(self, delete_dependent_resources: bool = False, no_wait: bool = False) -> None:
        """Always raises WorkspaceException: runyard does not remove what cannot be had back."""
        raise WorkspaceException(
            f"runyard does not delete workspaces; remove the folder yourself: rm -r {self.path!r}"
        )

    @property
    def experiments(self) -> dict[str, Experiment]:
        """All experiments by name, archived ones too."""
        from runyard.history.experiment import Experiment, is_valid_name

        names = filter(is_valid_name, experiment_names(self._directory))
        return {name: Experiment(self, name) for name in names}

    @property
    def models(self) -> dict[str, Model]:
        """The latest version of each model, by name."""
        from runyard.history.model import Model

        return {model.name: model for model in Model.list(self, latest=True)}

    @property
    def environments(self) -> dict[str, Any]:
        """The latest version of each environment by name, the curated ones too."""
        found: dict[str, Any] = _names.load("runyard.environments.environment:Environment").list(
            self
        )
        return found

    @property
    def compute_targets(self) -> dict[str, Any]:
        """The compute targets by name; 'local' is everywhere and not among them."""
        found = _names.load("runyard.computes.compute_target:ComputeTarget").list(self)
        return {target.name: target for target in found}

    def get_default_compute_target(self, type: str) -> Any:
        """The target named 'cpu-cluster' or 'gpu-cluster', for ``type`` 'CPU' or 'GPU'; else None.

        Raises UserErrorException for any other type.
        """
        if type not in ("CPU", "GPU"):
            raise UserErrorException(f"type={type!r} is not known; give 'CPU' or 'GPU'")
        return self.compute_targets.get(f"{type.lower()}-cluster")

    def get_default_keyvault(self) -> Keyvault:
        """The secrets of the workspace."""
        from runyard.job.keyvault import Keyvault

        return Keyvault(self)

    def get_run(self, run_id: str) -> Run:
        """The run of that id, of whichever experiment. Raises UserErrorException without one."""
        from runyard.history.run import Run

        return Run.get(self, run_id)

    def select(self, query: Query | None = None) -> list_[Entry]:
        """The runs that match, newest first, without opening each of them.

        A run whose target does not answer has the status NotResponding.
        """
        entries = self._selected(query or Query())
        warn_of_doubtful(entries, self._directory)
        return entries

    def _selected(self, query: Query) -> list_[Entry]:
        if time.monotonic() - self._reconciled_at >= _RECONCILE_INTERVAL_S:
            self.reconcile()
        if not self._silent:
            entries = self._index.select(query)
            if not self._index.has_lost_ends:
                return entries
            self.reconcile()
        entries = self._index.select(dataclasses.replace(query, status=None, limit=None))
        shown = (self._as_seen(entry) for entry in entries)
        matching = (entry for entry in shown if query.status in (None, entry.status))
        return [*islice(matching, query.limit)]

    def environment_uses(self) -> dict[str, int]:
        """How many runs were submitted with the built environment of each key."""
        return self._index.environments()

    def _as_seen(self, entry: Entry) -> Entry:
        path = self._directory.run(entry.experiment, entry.id).path
        if entry.ended is not None or path not in self._silent:
            return entry
        return entry._replace(status=Status.NOT_RESPONDING.value)

    def reconcile(self) -> None:
        """End the runs whose runner is gone: law *no run lies*."""
        unended = self._index.unended()
        self._silent = reconcile(self._directory.run(e.experiment, e.id) for e in unended)
        self._reconciled_at = time.monotonic()

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, also one in another process, opens the folder again."""
        return type(self).at, (self.path,)

    def __repr__(self) -> str:
        return f"Workspace(name={self.name!r}, path={self.path!r})"


list_ = list  # the method of that name hides the type inside the class


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments of ``create`` that say something, as they are kept."""
    parameters = inspect.signature(Workspace.create).parameters
    return {
        key: dict(value) if isinstance(value, Mapping) else value
        for key, value in arguments.items()
        if key not in _NOT_KEPT and value != parameters[key].default
    }


def _of_file(path: Path) -> WorkspaceDirectory | search.Config:
    if path.name == "workspace.json":
        return WorkspaceDirectory(str(path.parent))
    config = search.read_config(path)
    if config is None:
        raise UserErrorException(
            f"{path} is not the config.json of a workspace: it needs the key workspace_name"
        )
    return config
