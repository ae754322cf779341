"""``azureml.core.compute`` (spec 14)."""

from runyard import _names

_names.offer(
    __name__,
    "AdlaCompute",
    "AksCompute",
    "AmlCompute",
    "BatchCompute",
    "ComputeInstance",
    "ComputeTarget",
    "DataFactoryCompute",
    "DatabricksCompute",
    "DsvmCompute",
    "HDInsightCompute",
    "KubernetesCompute",
    "RemoteCompute",
    "SynapseCompute",
    absent={"azure": ("KustoCompute",)},
)
