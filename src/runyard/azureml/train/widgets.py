"""``azureml.train.widgets``: where the first previews had it."""

from runyard import _names

_names.offer(__name__, "RunDetails")
