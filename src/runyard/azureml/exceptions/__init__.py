"""``azureml.exceptions`` (spec 18)."""

from runyard import _names

_HERE = (*_names.ERRORS, *_names.SDK_ERRORS)
_ELSEWHERE = ("EnvironmentException", "HyperDrive", "RunyardError")

_names.offer(
    __name__,
    *(name for name in _HERE if not name.startswith(_ELSEWHERE)),
    AzureMLException="RunyardError",
)
