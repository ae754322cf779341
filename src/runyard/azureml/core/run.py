"""``azureml.core.run``: ``Run``, and the classes and statuses scripts test against."""

from runyard import _names
from runyard.job.offline import OfflineRun as _OfflineRun
from runyard.job.run_status import RUNNING_STATES, RunStatus
from runyard.job.submitted import SubmittedRun as _SubmittedRun

__all__ = ["RUNNING_STATES", "RunStatus", "_OfflineRun", "_SubmittedRun"]
_names.offer(
    __name__,
    "ActivityFailedException",
    "Environment",
    "ExperimentExecutionException",
    "Run",
    "RunEnvironmentException",
    "SnapshotException",
    "UserErrorException",
    "get_run",
)
