"""``azureml.data.output_dataset_config`` (spec 15.3)."""

from runyard import _names

_names.offer(
    __name__,
    "OutputDatasetConfig",
    "OutputFileDatasetConfig",
    "OutputTabularDatasetConfig",
    absent={
        "datasets": (
            "HDFSOutputDatasetConfig",
            "LinkFileOutputDatasetConfig",
            "LinkTabularOutputDatasetConfig",
        )
    },
)
