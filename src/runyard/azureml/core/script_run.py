"""``azureml.core.script_run``."""

from runyard import _names

_names.offer(__name__, "ScriptRun")
