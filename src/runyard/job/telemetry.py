"""``azureml.telemetry``: nothing is ever collected or sent; code that asks for it goes on."""

import logging
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, Optional, Tuple

    Adapter = logging.LoggerAdapter[logging.Logger]
else:
    Adapter = logging.LoggerAdapter

INSTRUMENTATION_KEY = ""
HBI_MODE = False
AML_INTERNAL_LOGGER_NAMESPACE = "azureml.telemetry"


def set_diagnostics_collection(
    send_diagnostics: bool = True, verbosity: int = logging.INFO, *args: "Any", **kwargs: "Any"
) -> None:
    """Nothing: there is nothing to switch on or off."""


def set_telemetry_enabled(*args: "Any", **kwargs: "Any") -> None:
    """Nothing."""


def get_diagnostics_collection_info(*args: "Any", **kwargs: "Any") -> "Tuple[bool, str]":
    """``(False, 'NOTSET')``: nothing is collected."""
    return False, "NOTSET"


def is_diagnostics_collection_info_available(*args: "Any", **kwargs: "Any") -> bool:
    """Always False."""
    return False


def get_telemetry_log_handler(*args: "Any", **kwargs: "Any") -> logging.Handler:
    """A handler that takes records nowhere."""
    return logging.NullHandler()


class ActivityType:
    """Words for activities."""

    PUBLICAPI = "PublicApi"
    INTERNALCALL = "InternalCall"
    CLIENTPROXY = "ClientProxy"


class ActivityLoggerAdapter(Adapter):
    """A logger and what it says of an activity; the logger gets the messages as they are."""

    def __init__(
        self, logger: logging.Logger, activity_info: "Optional[Dict[str, Any]]" = None
    ) -> None:
        super().__init__(logger, {})
        self.activity_info = dict(activity_info or {})


@contextmanager
def log_activity(
    logger: "Any",
    activity_name: str,
    activity_type: str = ActivityType.INTERNALCALL,
    custom_dimensions: "Optional[Dict[str, Any]]" = None,
) -> "Iterator[Any]":
    """Run the block; nothing of it is logged."""
    yield logger


class AppInsightsLoggingHandler(logging.NullHandler):
    """A handler that takes records nowhere."""

    def __init__(self, *args: "Any", **kwargs: "Any") -> None:
        super().__init__()

    @property
    def default_client_context(self) -> None:
        """None: there is no client."""
