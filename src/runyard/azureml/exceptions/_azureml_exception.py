"""``azureml.exceptions._azureml_exception``: the same names, where samples take them from."""

from runyard import _names

from . import _HERE

_names.offer(__name__, *_HERE, AzureMLException="RunyardError")
