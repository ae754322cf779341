"""``MMLBaseEstimator``: what all estimators have in common (spec 2.9)."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runyard.config import script_run_config
from runyard.config.run_configuration import RunConfiguration
from runyard.config.script_run_config import ScriptRunConfig
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.errors import RunyardError, TrainingException

if TYPE_CHECKING:
    from runyard.history.experiment import Experiment
    from runyard.history.run import Run
    from runyard.history.workspace import Workspace

OVERRIDES = ("script_params", "inputs", "source_directory_data_store")


class MMLBaseEstimator:
    """A source folder and a run configuration; ``Experiment.submit`` runs it.

    ``source_directory`` (str or path; '' and None are '.'): the folder that is copied for the
    run. ``compute_target`` (name, or an object with a ``name``; None: that of the
    configuration). ``estimator_config`` (RunConfiguration, None: a new one), which is not
    changed. Users make an ``Estimator``, or one of a framework. Raises TrainingException for an
    ``estimator_config`` that is none.
    """

    _SUPPORTED_BACKENDS: tuple[str, ...] = ()

    # Read by code that was written for SDK v1.
    _compute_target: Any = None
    _distributed_backend: str | None = None
    _last_submitted_runconfig: RunConfiguration | None = None
    _manual_restart_used: bool = False

    _script_checks: tuple[str, ...] = ()

    def __init__(
        self,
        source_directory: str | os.PathLike[str] | None,
        *,
        compute_target: Any,
        estimator_config: RunConfiguration | None = None,
    ) -> None:
        if not isinstance(estimator_config, RunConfiguration | None):
            raise TrainingException(
                f"estimator_config is {estimator_config!r} of type "
                f"{type(estimator_config).__name__}; give a RunConfiguration"
            )
        self._source_directory = source_directory or "."
        self._compute_target = compute_target
        self._run_config = copy.copy(estimator_config or RunConfiguration())
        if compute_target is not None:
            self._run_config.target = compute_target

    @property
    def source_directory(self) -> Any:
        """The folder that is copied for the run."""
        return self._source_directory

    @property
    def run_config(self) -> RunConfiguration:
        """The configuration the parameters made; it may be changed, and submit uses it as it is."""
        return self._run_config

    @property
    def conda_dependencies(self) -> CondaDependencies:
        """The packages: ``run_config.environment.python.conda_dependencies``."""
        return self._run_config.environment.python.conda_dependencies

    @property
    def _estimator_config(self) -> RunConfiguration:
        return self._run_config

    @property
    def _original_config(self) -> RunConfiguration:
        """The same: what is said for one run only never changes it."""
        return self._run_config

    def __repr__(self) -> str:
        script, target = self._run_config.script, self._run_config.target
        return (
            f"{type(self).__name__}({str(self._source_directory)!r}, entry_script={script!r}, "
            f"compute_target={target!r})"
        )

    def _get_script_run_config(self) -> ScriptRunConfig:
        """The estimator as a ScriptRunConfig that shares its ``run_config``."""
        return ScriptRunConfig(self._source_directory, run_config=self._run_config)

    def submit_to(
        self,
        experiment: Experiment,
        *,
        tags: Mapping[str, str] | None = None,
        run_id: str | None = None,
        parent: Run | None = None,
        refresh: bool = False,
        **overrides: Any,
    ) -> Run:
        """Start a run in an experiment; ``Experiment.submit`` calls this (spec 2.9).

        ``overrides``, all for this run, the estimator stays as it was: ``script_params``, merged
        by key into those of the constructor; ``inputs`` and ``source_directory_data_store``,
        instead of those of the constructor. ``refresh``: as for a ScriptRunConfig. Any
        other raises TrainingException, and so does everything that makes
        ``ScriptRunConfig.submit_to`` fail, with the same text.
        """
        from runyard.config import submission

        try:
            config = self._fitted(self._overridden(overrides), experiment.workspace)
            run = submission.submit(
                config,
                experiment,
                tags=tags,
                run_id=run_id,
                parent=parent,
                script_checks=self._script_checks,
                refresh=refresh,
            )
        except TrainingException:
            raise
        except RunyardError as error:
            raise TrainingException(error.message, error) from error
        self._last_submitted_runconfig = copy.copy(config.run_config)
        self._last_submitted_runconfig.arguments = config.arguments
        return run

    def _overridden(self, overrides: Mapping[str, Any]) -> ScriptRunConfig:
        """What is submitted, with what is said for this run only."""
        refuse_others(overrides)
        if any(value is not None for value in overrides.values()):
            raise TrainingException(
                f"{', '.join(overrides)} parameters cannot be overridden: this estimator was made "
                "of a run configuration. Change its run_config instead"
            )
        return self._get_script_run_config()

    def _fitted(self, config: ScriptRunConfig, workspace: Workspace) -> ScriptRunConfig:
        """The same as its compute target can take it."""
        return config


def refuse_others(overrides: Mapping[str, Any]) -> None:
    """Raise TrainingException for parameters that cannot be said for one run only."""
    unknown = [name for name in overrides if name not in OVERRIDES]
    if unknown:
        hint = script_run_config.SHOW_OUTPUT_HINT if "show_output" in unknown else ""
        raise TrainingException(
            f"{', '.join(unknown)} parameters cannot be overridden. Allowed parameters are: "
            f"{', '.join(OVERRIDES)}{hint}"
        )
