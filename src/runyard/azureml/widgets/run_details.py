"""``azureml.widgets.run_details``."""

from runyard import _names

_names.offer(__name__, "RunDetails")
