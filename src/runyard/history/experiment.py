"""``Experiment``: a named series of runs (spec 11)."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

from runyard.errors import RunyardError, UserErrorException
from runyard.history import git, shared_json, store_lock
from runyard.history.entry import DAMAGED
from runyard.history.index_query import Query, TagFilter, has_all
from runyard.history.run import Run, run_of_type
from runyard.history.run_folders import experiment_names
from runyard.history.snapshots import SnapshotStore
from runyard.history.workspace import Workspace
from runyard.history.writing import writing
from runyard.job import interactive
from runyard.job.values import texts
from runyard.record import registered, unwritten

_NAME = re.compile(r"[a-zA-Z0-9][\w\-]{0,254}\Z")
_MAX_BYTES = 255 - len("_1234567890_01234567")
"""Run ids are ``<experiment>_<10 digits>_<8 digits>``, and a file name has at most 255 bytes."""

_VIEWS = ("ActiveOnly", "ArchivedOnly", "All")


class Experiment:
    """The runs of one name in a workspace; it comes into being when it is first named.

    ``workspace`` None: ``Workspace.from_config()``. Raises UserErrorException for a bad name.
    """

    def __init__(
        self,
        workspace: Workspace | None,
        name: str,
        _skip_name_validation: bool = False,
        _id: str | None = None,
        _archived_time: datetime | None = None,
        _create_in_cloud: bool = True,
        _experiment_dto: Any = None,
        **kwargs: Any,
    ) -> None:
        self._name = checked_name(name)
        self._workspace = Workspace.from_config() if workspace is None else workspace
        self._settings = os.path.join(self._workspace.path, "experiments", f"{name}.json")
        if _create_in_cloud:
            with contextlib.suppress(OSError):  # one that can only be read; submit says so
                os.makedirs(self._workspace.directory.experiment(name), exist_ok=True)

    @property
    def workspace(self) -> Workspace:
        """The workspace it belongs to."""
        return self._workspace

    @property
    def workspace_object(self) -> Workspace:
        """As `workspace`."""
        return self._workspace

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def id(self) -> str:
        """Its name: no two experiments of a workspace have the same."""
        return self._name

    @property
    def identity(self) -> str:
        """As `id`."""
        return self._name

    def submit(self, config: Any, tags: Mapping[str, Any] | None = None, **kwargs: Any) -> Run:
        """Start a run of an estimator or a ScriptRunConfig and return at once.

        ``run_id``: a name for the run, unused so far. Other keyword arguments go to the config:
        estimators take ``script_params``, ``inputs`` and ``source_directory_data_store``. Raises
        RunyardError for what cannot be submitted, and what the config's own checks raise.
        """
        if isinstance(config, type) or not callable(getattr(config, "submit_to", None)):
            raise RunyardError(
                f"{config!r} of type {type(config).__name__} cannot be submitted; give an "
                "Estimator or ScriptRunConfig object"
            )
        parent_id = kwargs.pop("_parent_run_id", None)
        parent = None if parent_id is None else Run(self, parent_id)
        run_id = kwargs.pop("run_id", None)
        run: Run = config.submit_to(self, tags=tags, run_id=run_id, parent=parent, **kwargs)
        return run

    def start_logging(  # noqa: PLR0917
        self,
        name: str | None = None,
        run_id: str | None = None,
        outputs: str | bool | None = None,
        snapshot_directory: str | os.PathLike[str] | None = ".",
        display_name: str | None = None,
        tags: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Run:
        """Start an interactive run: it is Running, and this process is its runner.

        ``name`` and ``display_name``: what it is shown as. ``outputs``: a folder, made if
        missing, whose new files the run gets at its end; by default ``./outputs``, False for
        none. ``snapshot_directory`` is stored with the run; None for nothing. Raises
        SnapshotException when it is too large, UserErrorException when ``run_id`` is taken,
        ExperimentExecutionException when the workspace cannot be written to.

        It ends with ``complete``, ``fail`` or ``cancel``, at the end of ``with run:``, or with the
        process: Failed after an uncaught exception, Completed otherwise, also after
        ``sys.exit(1)``, whose code Python tells nobody. Use ``with run:`` where that matters.
        """
        directory = self._workspace.directory
        with store_lock.shared(directory.path) as hold:  # until run.json refers to the snapshot
            with writing(directory):
                source = self._source(snapshot_directory, hold)
            folder = None if outputs is False else str(outputs or "./outputs")
            if folder is not None:
                os.makedirs(folder, exist_ok=True)
            with writing(directory):
                started, _ = interactive.start(
                    directory,
                    self._name,
                    outputs=folder,
                    run_id=run_id,
                    display_name=display_name or name,
                    tags=tags,
                    **source,
                )
        return Run(self, started.id)

    def _source(
        self, folder: str | os.PathLike[str] | None, hold: store_lock.Hold
    ) -> dict[str, Any]:
        """The snapshot of a folder and the state of the repository around it; {} for None."""
        if folder is None:
            return {}
        store = SnapshotStore(Path(self._workspace.path))
        snapshot = store.take(Path(folder), hold=hold)
        return {"snapshot": snapshot.id, "properties": git.describe(Path(folder))}

    def get_runs(
        self,
        type: str | None = None,
        tags: TagFilter = None,
        properties: TagFilter = None,
        include_children: bool = False,
    ) -> Iterator[Run]:
        """The runs that match, newest first, as a generator.

        ``tags`` and ``properties``: a name that must be there, or a dict that must match.
        """
        return self._runs(Query(self._name, type, None, tags, properties, include_children))

    def _runs(self, query: Query) -> Iterator[Run]:
        for entry in self._workspace.select(query):
            if entry.status != DAMAGED:
                with contextlib.suppress(UserErrorException):  # removed in this moment
                    yield run_of_type(self, entry.id, entry.type)

    @staticmethod
    def list(
        workspace: Workspace,
        experiment_name: str | None = None,
        view_type: str = "ActiveOnly",
        tags: TagFilter = None,
    ) -> list_[Experiment]:
        """The experiments of a workspace by name.

        ``view_type``: ActiveOnly, ArchivedOnly or All; else UserErrorException is raised.
        """
        if view_type not in _VIEWS:
            raise UserErrorException(
                f"view_type={view_type!r} is not known; give one of {', '.join(_VIEWS)}"
            )
        found = []
        for name in filter(is_valid_name, experiment_names(workspace.directory)):
            experiment = Experiment(workspace, name)
            try:
                known = experiment._read()
            except registered.DamagedRecordException as error:
                warnings.warn(f"listed as if it had none: {error}", stacklevel=2)
                known = {}
            archived = known.get("archived") is not None
            if (
                experiment_name in (None, name)
                and view_type in ("All", _VIEWS[archived])
                and has_all(known.get("tags") or {}, tags)
            ):
                found.append(experiment)
        return found

    @staticmethod
    def delete(workspace: Workspace, experiment_id: str) -> None:
        """Remove an experiment without runs. Raises UserErrorException when it has any."""
        experiment = Experiment(workspace, experiment_id)
        folder = workspace.directory.experiment(experiment.name)
        try:
            os.rmdir(folder)
        except OSError as error:
            raise UserErrorException(
                f"experiment {experiment.name!r} has runs, which runyard does not delete; "
                f"experiment.archive() hides it, and `rm -r {folder!r}` removes it with its runs",
                error,
            ) from error
        with contextlib.suppress(FileNotFoundError):
            os.unlink(experiment._settings)

    @property
    def archived_time(self) -> datetime | None:
        """When it was archived, in UTC; None for one that is active."""
        archived = self._read().get("archived")
        return None if archived is None else datetime.fromtimestamp(archived, timezone.utc)

    def archive(self) -> None:
        """Leave it out of `list`; its runs stay as they are."""
        self._change(lambda _: {"archived": datetime.now(timezone.utc).timestamp()})

    def reactivate(self, new_name: str | None = None) -> None:
        """Undo `archive`. Raises UserErrorException for a new name: names stay."""
        if new_name is not None:
            raise UserErrorException(
                f"experiment {self._name!r} cannot be renamed; call reactivate() without new_name"
            )
        self._change(lambda _: {"archived": None})

    def refresh(self) -> None:
        """Nothing is kept in memory: every property is read when it is asked for."""

    @property
    def tags(self) -> dict[str, str]:
        """Its tags."""
        return dict(self._read().get("tags") or {})

    def tag(self, key: str, value: Any = None) -> None:
        """Set one tag; the value becomes text, None becomes ''."""
        self.set_tags({key: value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set these tags; others stay."""
        new = texts(tags)
        self._edit_tags(lambda known: {**known, **new})

    def remove_tags(self, tags: str | Iterable[str]) -> None:
        """Remove tags by name; a name that is no tag is passed over."""
        names = {tags} if isinstance(tags, str) else set(tags)
        self._edit_tags(lambda known: {k: v for k, v in known.items() if k not in names})

    def _edit_tags(self, edit: Callable[[dict[str, str]], dict[str, str]]) -> None:
        self._change(lambda now: {"tags": edit(now.get("tags") or {})})

    def _read(self) -> dict[str, Any]:
        """Its settings. Raises UserErrorException naming the file when it is damaged."""
        what = f"the settings of experiment {self._name!r}"
        shape = {"archived": (int, float, type(None)), "tags": (dict, type(None))}
        try:
            return registered.read(self._settings, what, self._settings, shape)
        except FileNotFoundError:
            return {}

    def _change(self, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        self._read()
        with unwritten.Writing(f"experiment {self._name!r} was not changed", self._settings):
            os.makedirs(os.path.dirname(self._settings), exist_ok=True)
            shared_json.change(self._settings, change)

    def get_portal_url(self) -> str:
        """Where its runs lie, as a ``file://`` address."""
        return "file://" + quote(self._workspace.directory.experiment(self._name))

    @property
    def portal_url(self) -> str:
        """As `get_portal_url`."""
        return self.get_portal_url()

    @classmethod
    def get_docs_url(cls) -> str:
        """Where the API is described."""
        return (
            "https://learn.microsoft.com/python/api/azureml-core/azureml.core.experiment.experiment"
        )

    def __repr__(self) -> str:
        return f"Experiment(Name: {self._name},\nWorkspace: {self._workspace.name})"

    def _repr_html_(self) -> str:
        import html

        cells = (self._name, self._workspace.name, self.get_portal_url())
        row = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        return (
            f"<table><tr><th>Name</th><th>Workspace</th><th>Folder</th></tr><tr>{row}</tr></table>"
        )


list_ = list  # the method of that name hides the type inside the class


def is_valid_name(name: object) -> bool:
    """Whether it may be the name of an experiment; a folder in a workspace may have any."""
    return isinstance(name, str) and bool(_NAME.match(name))


def checked_name(name: object) -> str:
    """A valid experiment name, as it is. Raises UserErrorException otherwise (spec 11)."""
    if not is_valid_name(name):
        raise UserErrorException(
            f"experiment name {name!r} is not valid: it must be between 1 and 255 characters "
            "long. Its first character has to be alphanumeric, the others letters, digits, '-' "
            "and '_'"
        )
    assert isinstance(name, str)
    if len(os.fsencode(name)) > _MAX_BYTES:
        raise UserErrorException(
            f"experiment name {name[:40]}… takes {len(os.fsencode(name))} bytes; {_MAX_BYTES} fit "
            "here, since folders of runs are named after it"
        )
    return name
