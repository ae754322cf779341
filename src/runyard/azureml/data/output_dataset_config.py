"""``azureml.data.output_dataset_config``."""

from runyard import _names

_names.offer(
    __name__,
    absent={
        "datasets": (
            "HDFSOutputDatasetConfig",
            "LinkFileOutputDatasetConfig",
            "LinkTabularOutputDatasetConfig",
            "OutputDatasetConfig",
            "OutputFileDatasetConfig",
            "OutputTabularDatasetConfig",
        )
    },
)
