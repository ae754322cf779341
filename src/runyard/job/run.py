"""``Run``: what a script knows and tells of its run (spec 12)."""

import os

from runyard.errors import RunEnvironmentException, UserErrorException
from runyard.job import context
from runyard.job.child_methods import ChildMethods
from runyard.job.metric_methods import MetricMethods
from runyard.job.model_methods import ModelMethods
from runyard.job.snapshot_methods import SnapshotMethods
from runyard.job.status_methods import StatusMethods
from runyard.record.layout import RunDirectory, WorkspaceDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional

type_providers: "Dict[str, Callable[..., Any]]" = {}
"""What makes the runs of a type, beside those known here."""


class Run(ChildMethods, MetricMethods, SnapshotMethods, ModelMethods, StatusMethods):
    """One run, over its directory.

    ``Run(directory)``, or ``Run(experiment, run_id)`` as in SDK v1. Every call has written what
    it was given when it returns. The client's ``Run`` stands on this one.
    """

    def __init__(
        self,
        experiment: "Any",
        run_id: "Optional[str]" = None,
        outputs: "Optional[str]" = None,
        **kwargs: "Any",
    ) -> None:
        super().__init__(_directory_of(experiment, run_id))

    def _same_kind(self, directory: RunDirectory) -> "Any":
        return Run(directory)

    @classmethod
    def get_context(
        cls,
        allow_offline: bool = True,
        used_for_context_manager: bool = False,
        **kwargs: "Any",
    ) -> "Any":
        """The run this script belongs to; the same object every time.

        For a script started by hand it is an offline run, or, with ``allow_offline=False``,
        RunEnvironmentException is raised.
        """
        directory = context.current()
        if directory is not None:
            from runyard.job.submitted import submitted_run

            return submitted_run(directory)
        if not allow_offline:
            raise RunEnvironmentException(
                "this script was not started by runyard ({} is not set); submit it, or call "
                "Run.get_context() without allow_offline=False".format(context.RUN_DIRECTORY)
            )
        from runyard.job.offline import OfflineRun

        return OfflineRun()

    @classmethod
    def get_submitted_run(cls, **kwargs: "Any") -> "Any":
        """Deprecated: ``get_context(allow_offline=False)``."""
        return cls.get_context(allow_offline=False, **kwargs)

    @staticmethod
    def add_type_provider(runtype: str, run_factory: "Callable[..., Any]") -> None:
        """Have the client's runs of a type made by ``run_factory(experiment, run_id)``.

        Raises ValueError for a type that has a provider.
        """
        if runtype in type_providers:
            raise ValueError("run type {!r} has a provider already".format(runtype))
        type_providers[runtype] = run_factory

    @staticmethod
    def get(workspace: "Any", run_id: str) -> "Any":
        """The run of that id. Raises UserErrorException when the workspace has none."""
        from runyard.job.model import workspace_directory

        directory = workspace_directory(workspace)
        experiments = sorted(os.listdir(directory.runs)) if os.path.isdir(directory.runs) else []
        for experiment in experiments:
            found = directory.run(experiment, run_id)
            if os.path.isfile(found.run_json):
                return Run(found)
        raise UserErrorException("workspace {} has no run {!r}".format(directory.path, run_id))

    @staticmethod
    def list(  # noqa: PLR0917
        experiment: "Any",
        type: "Optional[str]" = None,
        tags: "Any" = None,
        properties: "Any" = None,
        status: "Optional[str]" = None,
        include_children: bool = False,
        _rehydrate_runs: bool = True,
    ) -> "Any":
        """The runs of an experiment, newest first, as a generator."""
        from runyard.job.child_methods import matches

        for run in experiment.get_runs(include_children=include_children):
            if matches(run, type, tags, properties, status):
                yield run

    @staticmethod
    def list_by_compute(
        compute: "Any",
        type: "Optional[str]" = None,
        tags: "Any" = None,
        properties: "Any" = None,
        status: "Optional[str]" = None,
    ) -> "Any":
        """Only in the client: raises RunEnvironmentException in a script."""
        raise RunEnvironmentException(
            "Run.list_by_compute is not there for scripts; browsing workspaces is done where "
            "runyard is installed"
        )

    @property
    def type(self) -> "Optional[str]":
        """What kind of run it is: ``azureml.scriptrun``, ``interactive``, …"""
        found = self._run_json().get("type")
        return None if found is None else str(found)

    @property
    def number(self) -> int:
        """Deprecated: its place among the runs of its experiment, from 1."""
        import warnings

        warnings.warn("Run.number is deprecated; use Run.id", FutureWarning, stacklevel=2)
        folder = os.path.dirname(self.directory.path)
        others = [os.path.join(folder, name, "run.json") for name in os.listdir(folder)]
        mine = os.stat(self.directory.run_json).st_mtime_ns
        return sum(os.path.exists(path) and os.stat(path).st_mtime_ns <= mine for path in others)

    @property
    def experiment(self) -> "Any":
        """The experiment: ``name``, ``workspace``."""
        from runyard.job.experiment import JobExperiment

        return JobExperiment(self.directory.workspace, self.directory.experiment)

    def get_environment(self) -> "Any":
        """The Environment of the run. Raises RunEnvironmentException without runyard itself."""
        return self._client("Run.get_environment").get_environment()

    def get_secret(self, name: str) -> str:
        """A secret: of the workspace's keyvault, else the environment variable of that name.

        The variable of ``db-key`` is ``db-key`` or ``DB_KEY``. Raises UserErrorException when
        there is neither.
        """
        found = self.get_secrets([name])[name]
        if found is None:
            raise UserErrorException(
                "there is no secret {!r}; set it: runyard secret set {}, or set the environment "
                "variable {} where the run starts".format(name, name, _variable(name))
            )
        return found

    def get_secrets(self, secrets: "List[str]") -> "Dict[str, Optional[str]]":
        """Several secrets by name; None for those that are not set."""
        found = self._keyvault_secrets(secrets)
        for name in secrets:
            if found.get(name) is None:
                found[name] = os.environ.get(name, os.environ.get(_variable(name)))
        return found

    def _keyvault_secrets(self, secrets: "List[str]") -> "Dict[str, Optional[str]]":
        from runyard.job.keyvault import Keyvault

        workspace = self._keyvault_workspace()
        if not os.path.isfile(workspace.workspace_json):
            return {}
        return Keyvault(workspace).get_secrets(secrets)

    def _keyvault_workspace(self) -> WorkspaceDirectory:
        return self.directory.workspace

    def get_portal_url(self) -> str:
        """Where the run can be looked at: its directory, as a ``file://`` address."""
        from urllib.parse import quote

        return "file://" + quote(self.directory.path)

    @property
    def portal_url(self) -> str:
        """As `get_portal_url`."""
        return self.get_portal_url()

    @property
    def identity(self) -> str:
        """The id of the run."""
        return self.id

    @classmethod
    def get_docs_url(cls) -> str:
        """Where the API is described."""
        return "https://learn.microsoft.com/python/api/azureml-core/azureml.core.run.run"

    def __enter__(self) -> "Any":
        self.start()
        return self

    def __exit__(self, kind: "Any", error: "Any", trace: "Any") -> None:
        if error is None or (isinstance(error, SystemExit) and not error.code):
            self.complete()
        else:
            self.fail(error)

    def __repr__(self) -> str:
        return "Run(Experiment: {},\nId: {},\nType: {},\nStatus: {})".format(
            self.directory.experiment, self.id, self.type, self.get_status()
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> str:
        return self.directory.path


def _directory_of(experiment: "Any", run_id: "Optional[str]") -> "Optional[RunDirectory]":
    if run_id is None:
        return experiment  # type: ignore[no-any-return]
    from runyard.job.model import workspace_directory

    return workspace_directory(experiment.workspace).run(experiment.name, run_id)


def _variable(secret: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in secret).upper()
