"""``azureml.telemetry.logging_handler``."""

from runyard.job.telemetry import AppInsightsLoggingHandler, get_telemetry_log_handler

__all__ = ["AppInsightsLoggingHandler", "get_telemetry_log_handler"]
