"""``azureml.telemetry``."""

from runyard.job.telemetry import (
    AML_INTERNAL_LOGGER_NAMESPACE,
    HBI_MODE,
    INSTRUMENTATION_KEY,
    get_diagnostics_collection_info,
    get_telemetry_log_handler,
    is_diagnostics_collection_info_available,
    set_diagnostics_collection,
    set_telemetry_enabled,
)

__all__ = [
    "AML_INTERNAL_LOGGER_NAMESPACE",
    "HBI_MODE",
    "INSTRUMENTATION_KEY",
    "get_diagnostics_collection_info",
    "get_telemetry_log_handler",
    "is_diagnostics_collection_info_available",
    "set_diagnostics_collection",
    "set_telemetry_enabled",
]
