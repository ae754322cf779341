"""``Dataset``: where datasets are made and found (spec 15.3)."""

from runyard.job.datasets.dataset import AbstractDataset
from runyard.job.datasets.factories import FileDatasetFactory
from runyard.job.datasets.tabular_factory import TabularDatasetFactory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Union


class Dataset:
    """``Dataset.File`` and ``Dataset.Tabular`` make datasets; the methods find registered ones."""

    File = FileDatasetFactory
    Tabular = TabularDatasetFactory

    @staticmethod
    def get_by_name(
        workspace: "Any", name: str, version: "Union[int, str]" = "latest", **kwargs: "Any"
    ) -> "Any":
        """A registered dataset, 'latest' or a version. Raises UserErrorException."""
        return AbstractDataset.get_by_name(workspace, name, version)

    @staticmethod
    def get_by_id(workspace: "Any", id: str, **kwargs: "Any") -> "Any":
        """A registered dataset, or an input of the run this is called in, by its id."""
        return AbstractDataset.get_by_id(workspace, id)

    @staticmethod
    def get_all(workspace: "Any") -> "Dict[str, Any]":
        """The latest version of every registered dataset, by name."""
        return AbstractDataset.get_all(workspace)
