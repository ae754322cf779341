"""``azureml.data``: what runs read and write (spec 15)."""

from runyard import _names

_names.offer(
    __name__,
    "DataType",
    "FileDataset",
    "OutputFileDatasetConfig",
    "TabularDataset",
    absent={
        "datasets": (
            "HDFSOutputDatasetConfig",
            "LinkFileOutputDatasetConfig",
            "LinkTabularOutputDatasetConfig",
        )
    },
)
