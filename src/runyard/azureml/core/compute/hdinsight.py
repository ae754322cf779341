"""``azureml.core.compute.hdinsight``."""

from runyard import _names

_names.offer(
    __name__,
    "HDInsightCompute",
)
