"""``Dataset``: where datasets are made and found (spec 15.3)."""

from runyard.job.datasets.dataset import AbstractDataset
from runyard.job.datasets.factories import FileDatasetFactory
from runyard.job.datasets.tabular_factory import TabularDatasetFactory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Union

_FIRST = {
    "auto_read_files": "Dataset.Tabular.from_delimited_files",
    "from_binary_files": "Dataset.File.from_files",
    "from_delimited_files": "Dataset.Tabular.from_delimited_files",
    "from_excel_files": "pandas.read_excel and Dataset.Tabular.register_pandas_dataframe",
    "from_json_files": "Dataset.Tabular.from_json_lines_files",
    "from_pandas_dataframe": "Dataset.Tabular.register_pandas_dataframe",
    "from_parquet_files": "Dataset.Tabular.from_parquet_files",
    "from_sql_query": "Dataset.Tabular.from_sql_query",
    "get": "Dataset.get_by_name",
    "list": "Dataset.get_all",
}
"""What took the place of the first datasets of SDK v1."""


class _Api(type):
    def __getattr__(cls, name: str) -> "Any":
        if name in _FIRST:
            raise AttributeError(
                "Dataset.{} is of the first datasets of SDK v1, which it deprecated in 2019; use "
                "{}".format(name, _FIRST[name])
            )
        raise AttributeError("type object 'Dataset' has no attribute {!r}".format(name))


class Dataset(metaclass=_Api):
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
