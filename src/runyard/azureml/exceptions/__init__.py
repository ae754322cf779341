"""``azureml.exceptions`` (spec 18)."""

from runyard import _names

_ELSEWHERE = ("EnvironmentException", "HyperDrive", "RunyardError")
_HERE = tuple(
    name for name in (*_names.ERRORS, *_names.SDK_ERRORS) if not name.startswith(_ELSEWHERE)
)

_names.offer(__name__, *_HERE, AzureMLException="RunyardError")
