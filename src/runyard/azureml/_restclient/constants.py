"""``azureml._restclient.constants``, where code of users takes the statuses of a run from."""

from runyard.job.run_status import RunStatus

__all__ = ["RunStatus"]
