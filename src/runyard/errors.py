"""Every exception runyard raises on purpose.

The names are those of ``azureml.exceptions`` (spec 18), so that ``except`` clauses written for
SDK v1 keep working. Standard library only, Python 3.6 and later: scripts see these too.

``str()`` of one is its message. In a notebook or program that has imported ``azureml`` it is the
block of SDK v1 (spec 18), which such code prints and cuts up: message, inner exception and an
``ErrorResponse`` in JSON. Inside runs it is the message again: what a script dies of is read in its
log. ``format()``, f-strings and ``message`` are always the message alone.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional


class RunyardError(Exception):
    """Base of all errors below; SDK v1 calls it ``AzureMLException``.

    ``message`` is the text for the user; ``inner_exception`` the exception behind it, or None.
    What else SDK v1 takes (``target``, ``details``, ``reference_code``, …) is taken and not used.
    """

    _code: "Optional[str]" = None
    """The ``code`` in the ErrorResponse."""

    def __init__(  # noqa: PLR0917
        self,
        exception_message: str = "",
        inner_exception: "Optional[BaseException]" = None,
        target: "Any" = None,
        details: "Any" = None,
        message_format: "Optional[str]" = None,
        message_parameters: "Any" = None,
        reference_code: "Optional[str]" = None,
        **kwargs: "Any",
    ) -> None:
        super().__init__(exception_message)
        self.message = exception_message
        self.inner_exception = inner_exception

    def print_stacktrace(self) -> None:
        """Print where the inner exception came from, or else this one, to stderr."""
        import traceback

        error = self.inner_exception or self
        traceback.print_exception(type(error), error, error.__traceback__)

    def _error_response(self) -> "Dict[str, Any]":
        found = {} if self._code is None else {"code": self._code}
        return {"error": dict(found, message=str(self.message))}

    def _inner_text(self) -> str:
        """The inner exception; its type alone where it says the same."""
        inner = self.inner_exception
        text = "{}".format(inner)
        return type(inner).__name__ if inner is not None and text in self._plain() else text

    def _plain(self) -> str:
        return str(self.message)

    def __str__(self) -> str:
        if "azureml" not in sys.modules or "RUNYARD_RUN_DIRECTORY" in os.environ:
            return self._plain()
        import json

        return "{}:\n\tMessage: {}\n\tInnerException {}\n\tErrorResponse \n{}".format(
            type(self).__name__,
            self._plain(),
            self._inner_text(),
            json.dumps(self._error_response(), indent=4, default=str),
        )

    def __format__(self, spec: str) -> str:
        return format(self._plain(), spec)


class UserErrorException(RunyardError):
    """What the caller gave cannot be used."""

    _code = "UserError"


class AuthenticationException(UserErrorException):
    """Something needs a signed-in account, which there is not here."""


class TrainingException(RunyardError):
    """An estimator cannot be built or submitted as it stands."""


class ExperimentExecutionException(RunyardError):
    """A run cannot be started as it stands."""


class RunWriteException(RunyardError, OSError):
    """What a run was to keep could not be written: a full disk, or one that may only be read.

    Nothing of it is there half. It is an OSError too, with its ``errno`` and ``filename``.
    """


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

    def __init__(
        self,
        exception_message: str = "",
        logger: "Any" = None,
        **kwargs: "Any",
    ) -> None:
        super().__init__(exception_message, **kwargs)


class WebserviceException(RunyardError):
    """A model operation was refused (SDK v1 raises this name for models).

    ``status_code``: as given; None otherwise.
    """

    def __init__(
        self,
        exception_message: str = "",
        status_code: "Optional[int]" = None,
        logger: "Any" = None,
        **kwargs: "Any",
    ) -> None:
        super().__init__(exception_message, **kwargs)
        self.status_code = status_code


class ActivityFailedException(RunyardError):
    """The run that was waited for failed; ``error_details`` is ``get_details()['error']``.

    ``error_details`` may be a text, which is the message then. Its log, which the message has the
    end of, is left out of the ErrorResponse.
    """

    _LEFT_OUT = ("log_tail", "traceback", "debugInfo")

    def __init__(
        self,
        error_details: "Any" = "",
        inner_exception: "Optional[BaseException]" = None,
        message: "Optional[str]" = None,
        **kwargs: "Any",
    ) -> None:
        self.error_details = error_details
        super().__init__(_text(error_details) if message is None else message, inner_exception)

    def _error_response(self) -> "Dict[str, Any]":
        error = _inner(self.error_details)
        if error is None:
            return super()._error_response()
        return {"error": {key: error[key] for key in error if key not in self._LEFT_OUT}}


class ActivityCanceledException(RunyardError):
    """What was waited for was cancelled (spec 18)."""


class DiscoveryUrlNotFoundException(RunyardError):
    """SDK v1 raises it for a workspace without a service; here no code does."""


class DatasetTimestampMissingError(RunyardError):
    """A dataset has no column that says when its rows are of (spec 18)."""


class ParallelRunException(RunyardError):
    """A step over many files failed (spec 18)."""


class HyperDriveConfigException(RunyardError):
    """A sweep is not described well (``azureml.train.hyperdrive.exceptions``)."""


class HyperDriveScenarioNotSupportedException(RunyardError):
    """A sweep asks for what sweeps cannot do."""


class HyperDriveNotImplementedException(RunyardError):
    """A sweep asks for what is not built."""


class HyperDriveRehydrateException(RunyardError):
    """A sweep cannot be read back from its record."""


class EnvironmentException(RunyardError):
    """An environment cannot be resolved or built."""


def _inner(error_details: "Any") -> "Optional[Dict[str, Any]]":
    inner = error_details.get("error") if isinstance(error_details, dict) else None
    return inner if isinstance(inner, dict) else None


def _text(error_details: "Any") -> str:
    """The message of the details of an error; themselves when they are a text."""
    error = _inner(error_details)
    return str(error["message"] if error and error.get("message") else error_details)
