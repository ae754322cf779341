"""``azureml.telemetry.activity``."""

from runyard.job.telemetry import ActivityLoggerAdapter, ActivityType, log_activity

__all__ = ["ActivityLoggerAdapter", "ActivityType", "log_activity"]
