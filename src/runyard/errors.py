"""Every exception runyard raises on purpose.

The names are those of ``azureml.exceptions`` (spec 18), so that ``except`` clauses written for
SDK v1 keep working. Standard library only, Python 3.6 and later: scripts see these too.
"""


class RunyardError(Exception):
    """Base of all errors below; SDK v1 calls it ``AzureMLException``.

    ``message`` is the text for the user; ``inner_exception`` the exception behind it, or None.
    """

    def __init__(self, message: str = "", inner_exception: "BaseException | None" = None) -> None:
        super().__init__(message)
        self.message = message
        self.inner_exception = inner_exception


class UserErrorException(RunyardError):
    """What the caller gave cannot be used."""


class TrainingException(RunyardError):
    """An estimator cannot be built or submitted as it stands."""


class ExperimentExecutionException(RunyardError):
    """A run cannot be started as it stands."""


class RunConfigurationException(RunyardError):
    """A run configuration or one of its sections is not valid."""


class RunEnvironmentException(RunyardError):
    """The script does not run inside a run, and offline runs were not allowed."""


class WorkspaceException(RunyardError):
    """A workspace is missing, unreadable or of a newer format."""


class SnapshotException(RunyardError):
    """The source directory cannot be stored."""


class ComputeTargetException(RunyardError):
    """A compute target is missing or cannot do what was asked."""


class ProjectSystemException(RunyardError):
    """The project folder cannot be used."""


class ModelNotFoundException(RunyardError):
    """No such model, or no such version of it."""


class ModelPathNotFoundException(RunyardError):
    """The run has no file or folder of that name to register."""


class WebserviceException(RunyardError):
    """A model operation was refused (SDK v1 raises this name for models)."""


class ActivityFailedException(RunyardError):
    """The run that was waited for failed; ``error_details`` is ``get_details()['error']``."""

    def __init__(
        self,
        message: str = "",
        inner_exception: "BaseException | None" = None,
        error_details: "object" = None,
    ) -> None:
        super().__init__(message, inner_exception)
        self.error_details = error_details


class EnvironmentException(RunyardError):
    """An environment cannot be resolved or built."""
