"""``azureml.core.model``."""

from runyard import _names

_names.offer(
    __name__,
    "Model",
    "ModelNotFoundException",
    "UserErrorException",
    "WebserviceException",
    absent={"deployment": ("InferenceConfig", "ModelPackage")},
)
