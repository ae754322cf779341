"""``Run`` as the client sees it: finding runs, waiting for them, asking them to end (spec 12)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from runyard import _names
from runyard.errors import UserErrorException
from runyard.history import reconcile, targets
from runyard.history.entry import newer_format, target_name
from runyard.history.index_query import Query, TagFilter
from runyard.job import run as job_run
from runyard.job.status_methods import failure
from runyard.record import events
from runyard.record.events import State, read_state
from runyard.record.layout import FORMAT, RunDirectory, WorkspaceDirectory
from runyard.record.states import Status

if TYPE_CHECKING:
    from runyard.history.experiment import Experiment
    from runyard.history.model import Model
    from runyard.history.workspace import Workspace


class Run(job_run.Run):
    """One run: ``Run(experiment, run_id)``. It reads the run directory, or leaves a request in it.

    Raises UserErrorException when the experiment has no such run.
    """

    def __init__(
        self,
        experiment: Experiment | RunDirectory,
        run_id: str | None = None,
        outputs: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(experiment, run_id)
        self._experiment = None if isinstance(experiment, RunDirectory) else experiment
        if not os.path.isfile(self.directory.run_json):
            raise UserErrorException(
                f"experiment {self.directory.experiment!r} has no run {self.id!r}; "
                "experiment.get_runs() lists those it has"
            )

    def _same_kind(self, directory: RunDirectory) -> Run:
        return get_run(self.experiment, directory.id)

    @property
    def experiment(self) -> Experiment:
        """The experiment it belongs to."""
        if self._experiment is None:
            from runyard.history.experiment import Experiment
            from runyard.history.workspace import Workspace

            workspace = Workspace.at(self.directory.workspace)
            self._experiment = Experiment(workspace, self.directory.experiment)
        return self._experiment

    @staticmethod
    def get(workspace: Workspace, run_id: str) -> Run:
        """The run of that id, of whichever experiment. Raises UserErrorException without one."""
        from runyard.history.experiment import Experiment
        from runyard.history.run_folders import experiment_names

        for name in experiment_names(workspace.directory):
            if os.path.isfile(workspace.directory.run(name, run_id).run_json):
                return get_run(Experiment(workspace, name), run_id)
        raise UserErrorException(
            f"workspace {workspace.name!r} has no run {run_id!r}; looked in {workspace.path}"
        )

    @staticmethod
    def list(  # noqa: PLR0917
        experiment: Experiment,
        type: str | None = None,
        tags: TagFilter = None,
        properties: TagFilter = None,
        status: str | None = None,
        include_children: bool = False,
        _rehydrate_runs: bool = True,
    ) -> Iterator[Run]:
        """The runs of an experiment that match, newest first, as a generator.

        ``tags`` and ``properties``: a name that must be there, or a dict that must match.
        """
        query = Query(experiment.name, type, status, tags, properties, include_children)
        return experiment._runs(query)

    @staticmethod
    def list_by_compute(
        compute: Any,
        type: str | None = None,
        tags: TagFilter = None,
        properties: TagFilter = None,
        status: str | None = None,
    ) -> Iterator[Run]:
        """The runs of ``compute.workspace`` that went to this target, newest first."""
        query = Query(
            type=type, status=status, tags=tags, properties=properties, target=compute.name
        )
        for entry in compute.workspace.select(query):
            yield Run.get(compute.workspace, entry.id)

    def _run_json(self) -> dict[str, Any]:
        """run.json; UserErrorException says what is the matter with it."""
        try:
            record = super()._run_json()
        except FileNotFoundError as error:
            raise self._removed() from error
        except ValueError as error:
            raise UserErrorException(
                f"run {self.id} cannot be read: {error}. Put a copy of its files back, or remove "
                f"its folder {self.directory.path}",
                error,
            ) from error
        if record.get("format", FORMAT) > FORMAT:
            raise UserErrorException(f"run {self.id} was {newer_format(record['format'])}")
        return record

    def _removed(self) -> UserErrorException:
        return UserErrorException(f"run {self.id} was removed: {self.directory.path} is gone")

    def _state(self) -> State:
        """The state, after making sure that a run that looks alive is."""
        state = read_state(self.directory)
        if state.status.ended:
            return state
        reachable = reconcile.reconcile_run(self.directory)
        if not os.path.isfile(self.directory.run_json):
            raise self._removed()
        state = read_state(self.directory)
        if not reachable and not state.status.ended:
            state.status = Status.NOT_RESPONDING
        return state

    def wait_for_completion(
        self,
        show_output: bool = False,
        wait_post_processing: bool = False,
        raise_on_error: bool = True,
    ) -> dict[str, Any]:
        """Wait for the end of the run and return ``get_details()`` (spec 12.5).

        ``show_output`` prints its logs as they grow, and how it ended; after Ctrl-C
        ExperimentExecutionException is raised and the run continues. A failed run raises
        ActivityFailedException, with the reason and the end of its log, unless ``raise_on_error``
        is False; a cancelled one does not. ``wait_post_processing`` makes no difference: the end
        is always waited for.
        """
        from runyard.history.streaming import Waiter

        return Waiter(self).wait(show_output, raise_on_error)

    def get_detailed_status(self) -> dict[str, Any]:
        """``{'status': …, 'details': …}``: the status and what its last event says.

        Of a run that waits in a queue, ``details`` has ``position`` and ``length`` as well.
        """
        found: dict[str, Any] = super().get_detailed_status()
        if found["status"] == Status.QUEUED.value:
            place = targets.place(self.directory)
            if place is not None:
                found["details"] = {**found["details"], **place._asdict()}
        return found

    def cancel(self) -> None:
        """Ask for the end of the run; nothing for one that has ended, or was asked already.

        One whose script has ended stores what that has left; asked then, it ends without.
        """
        if not self._is_submitted():
            super().cancel()
            return
        state = self._state()
        if state.status.ended:
            return
        is_storing = State(state.events).status is Status.FINALIZING
        if is_storing or not events.cancel_requested(self.directory):
            events.request(self.directory, "cancel")
        name, handle = target_name(self._run_json()), reconcile.handle_of(self.directory)
        targets.load_target(name or "", self.directory.workspace, handle).cancel(handle)

    def complete(self, _set_status: bool = True) -> None:
        """End the run as Completed, or ask its runner to; nothing for a run that has ended."""
        if not self._is_submitted():
            super().complete(_set_status)
        elif _set_status and not self._state().status.ended:
            events.request(self.directory, "complete")

    def fail(
        self,
        error_details: str | BaseException | None = None,
        error_code: str | None = None,
        _set_status: bool = True,
    ) -> None:
        """End the run as Failed, or ask its runner to; nothing for a run that has ended.

        ``error_details``: a text or an exception, else TypeError. ``error_code`` is ``UserError``
        unless given.
        """
        if not self._is_submitted() or not _set_status:
            super().fail(error_details, error_code, _set_status)
            return
        error = failure(error_details, error_code)
        if not self._state().status.ended:
            events.request(self.directory, "fail", error=error)

    def submit_child(
        self, config: Any, tags: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Run:
        """Submit a configuration as a child of this run; takes what ``Experiment.submit`` does."""
        return self.experiment.submit(config, tags, _parent_run_id=self.id, **kwargs)

    def get_environment(self) -> Any:
        """The Environment the run was submitted with; secrets in it are ``***``.

        ``Environment.from_run`` has exactly the packages that were installed. Raises
        UserErrorException for a run that was not submitted.
        """
        definition = self._run_json().get("run_configuration")
        if not definition:
            raise UserErrorException(
                f"run {self.id} was not submitted (it is of type {self.type!r}), so it has no "
                "environment of its own"
            )
        read = _names.load("runyard.environments.definition:read")
        return read(definition["environment"], f"run {self.id}")

    def _get_outputs_datapath(self) -> Any:
        """What the run has left in ``./outputs``, as a DataPath (spec 2.7)."""
        made = _names.load("runyard.data.artifacts:outputs_of")
        return made(self.experiment.workspace, self.id)

    def _is_submitted(self) -> bool:
        return target_name(self._run_json()) is not None

    @contextlib.contextmanager
    def _stored_snapshot(self, path: str) -> Iterator[str]:
        from runyard.history import store_lock
        from runyard.history.snapshots_cli import store

        workspace = self.directory.workspace.path
        with store_lock.shared(workspace) as hold:
            yield store(workspace, path, hold)

    def _model(self, workspace: WorkspaceDirectory, record: Mapping[str, Any]) -> Model:
        from runyard.history.model import Model

        return Model._in(self.experiment.workspace, record)


class ScriptRun(Run):
    """A submitted script (``azureml.core.script_run``)."""

    RUN_TYPE = "azureml.scriptrun"


def get_run(
    experiment: Experiment, run_id: str, rehydrate: bool = True, clean_up: bool = True
) -> Run:
    """The run of an experiment, of the class that goes with its type (spec 12.1).

    ``rehydrate`` False: always a ``Run``. Raises UserErrorException when there is no such run.
    """
    run = Run(experiment, run_id)
    return run_of_type(experiment, run_id, run.type) if rehydrate else run


def run_of_type(experiment: Experiment, run_id: str, kind: str | None) -> Run:
    """The run of an experiment, of the class that goes with the type ``kind``."""
    known = {ScriptRun.RUN_TYPE: ScriptRun, **job_run.type_providers}
    made: Run = known.get(kind or "", Run)(experiment, run_id)
    return made
