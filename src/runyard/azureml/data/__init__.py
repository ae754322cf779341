"""``azureml.data``: what runs read and write; datasets are a later part."""

from runyard import _names

_names.offer(
    __name__,
    absent={
        "datasets": (
            "DataType",
            "FileDataset",
            "HDFSOutputDatasetConfig",
            "LinkFileOutputDatasetConfig",
            "LinkTabularOutputDatasetConfig",
            "OutputFileDatasetConfig",
            "TabularDataset",
        )
    },
)
