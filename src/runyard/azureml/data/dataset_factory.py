"""``azureml.data.dataset_factory``."""

from runyard import _names

_names.offer(
    __name__, absent={"datasets": ("DataType", "FileDatasetFactory", "TabularDatasetFactory")}
)
