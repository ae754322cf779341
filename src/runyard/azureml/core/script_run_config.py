"""``azureml.core.script_run_config``."""

from runyard import _names

_names.offer(
    __name__,
    "DataPath",
    "MpiConfiguration",
    "PyTorchConfiguration",
    "RunConfiguration",
    "ScriptRunConfig",
    "get_run_config_from_script_run",
    "TensorflowConfiguration",
    EnvironmentDefinition="Environment",
)
