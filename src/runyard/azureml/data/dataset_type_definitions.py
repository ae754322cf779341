"""``azureml.data.dataset_type_definitions``."""

from runyard import _names

_names.offer(
    __name__,
    "FileEncoding",
    "PromoteHeadersBehavior",
    "SkipLinesBehavior",
    absent={"datasets": ("FileType", "HistogramCompareMethod")},
)
