"""``azureml.data.dataset_type_definitions``."""

from runyard import _names

_names.offer(
    __name__,
    absent={
        "datasets": (
            "FileEncoding",
            "FileType",
            "HistogramCompareMethod",
            "PromoteHeadersBehavior",
            "SkipLinesBehavior",
        )
    },
)
